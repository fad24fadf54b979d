import { useState } from 'preact/hooks';
import type { Limits } from '../../src/wire/index.js';
import { send } from '../data/api.js';
import { useAction } from '../data/queries.js';
import { Ask } from './dialog.js';
import { Cell, Row, Table } from './table.js';
import { Ago, When } from './time.js';
import { Pill } from './verdict.js';

type Key = Limits['apiKeys'][number];

export function ApiKeysCard({ keys, path }: { keys: readonly Key[]; path?: string }) {
  const [revoked, setRevoked] = useState<Key | null>(null);
  return (
    <section class="card" aria-labelledby="keys">
      <header>
        <h2 id="keys">API keys</h2>
        <span class="muted">by their beginning; the rest is known to their owner only</span>
      </header>
      {keys.length === 0 ? (
        <p class="pad muted">No key. Requests can be signed with the owner’s wallet.</p>
      ) : (
        <Table
          label="API keys"
          heads={[
            'Key',
            'State',
            { text: 'Created', isNumber: true },
            { text: 'Last used', isNumber: true },
            ...(path === undefined ? [] : [{ text: 'Actions', isNumber: true }]),
          ]}
        >
          {keys.map((key) => (
            <Row key={key.prefix}>
              <Cell>
                <b class="mono">{key.prefix}…</b>
              </Cell>
              <Cell>
                {key.revokedAt === null ? (
                  <Pill tone="ok" icon="check" word="Valid" />
                ) : (
                  <Pill tone="same" icon="stop" word="Revoked" />
                )}
              </Cell>
              <Cell isNumber hide>
                <When at={key.createdAt} />
              </Cell>
              <Cell isNumber label="Used">
                {key.lastUsedAt === null ? <span class="faint">never</span> : <Ago at={key.lastUsedAt} />}
              </Cell>
              {path !== undefined && (
                <Cell isNumber>
                  {key.revokedAt === null && (
                    <button
                      type="button"
                      class="btn small risk"
                      aria-label={`Revoke ${key.prefix}`}
                      onClick={() => setRevoked(key)}
                    >
                      Revoke …
                    </button>
                  )}
                </Cell>
              )}
            </Row>
          ))}
        </Table>
      )}
      {revoked && path !== undefined && (
        <RevokeDialog prefix={revoked.prefix} path={path} onClose={() => setRevoked(null)} />
      )}
    </section>
  );
}

function RevokeDialog({ prefix, path, onClose }: { prefix: string; path: string; onClose: () => void }) {
  const { isBusy, run } = useAction();
  const confirm = async () => {
    await run(async () => {
      await send('DELETE', `${path}/keys/${encodeURIComponent(prefix)}`);
      return { tone: 'ok', text: `The key ${prefix}… is revoked.` };
    });
    onClose();
  };
  return (
    <Ask
      title={`Revoke the key ${prefix}…?`}
      safe="Keep it"
      action="Revoke it"
      isRisky
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>Its next request is refused, and whoever has signed in here with it is signed out. This cannot be undone.</p>
    </Ask>
  );
}
