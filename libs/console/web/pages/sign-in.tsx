import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Challenge, Session, SignIn } from '../../src/wire/index.js';
import { send } from '../data/api.js';
import { signIn } from '../data/session.js';
import { findWallets, signWith, type Wallet } from '../data/wallets.js';
import { Copy } from '../parts/foreign.js';
import { Problem } from '../parts/form-end.js';
import { Brand } from '../parts/frame.js';
import { ThemeSwitch } from '../parts/theme-switch.js';

type Way = keyof Session['signIn'];

const WAYS: Record<Way, string> = { apiKey: 'API key', wallet: 'Wallet', operatorSecret: 'Operator' };

/** Who one is. Secrets are sent once, and never kept in the browser. */
export function SignInPage({ session, isAgain }: { session: Session; isAgain: boolean }) {
  const ways = (Object.keys(WAYS) as Way[]).filter((way) => session.signIn[way]);
  const [way, setWay] = useState<Way | undefined>(ways[0]);
  useEffect(() => {
    document.title = 'Sign in · Refresh console';
  }, []);
  return (
    <div class="gate">
      <header class="brand">
        <Brand />
      </header>
      <main class="card">
        <div class="pad">
          <h1>Sign in</h1>
          {isAgain && <p class="muted">Your session has ended. After signing in you are back on the same page.</p>}
          {way === undefined ? (
            <p class="muted">
              The application that this console belongs to decides who may see it. Sign in there, then reload this page.
            </p>
          ) : (
            <>
              {ways.length > 1 && (
                <div class="acts" role="group" aria-label="How to sign in">
                  {ways.map((name) => (
                    <button
                      key={name}
                      type="button"
                      class="btn small"
                      aria-pressed={name === way}
                      onClick={() => setWay(name)}
                    >
                      {WAYS[name]}
                    </button>
                  ))}
                </div>
              )}
              {way === 'apiKey' && <ApiKeyForm />}
              {way === 'operatorSecret' && <OperatorForm />}
              {way === 'wallet' && <WalletForm />}
              {!session.signIn.operatorSecret && (
                <p class="small faint">
                  Nobody can sign in as an operator here. Whoever runs the service can set the option{' '}
                  <span class="mono">operatorSecret</span>, or let the application decide with{' '}
                  <span class="mono">identify</span>.
                </p>
              )}
            </>
          )}
        </div>
      </main>
      <footer>
        <ThemeSwitch />
      </footer>
    </div>
  );
}

/** Signs in once, and says what is wrong in a sentence that is read out. */
function useSignIn() {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const attempt = async (credentials: () => Promise<SignIn> | SignIn) => {
    setBusy(true);
    setProblem(null);
    try {
      await signIn(await credentials());
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return { isBusy, problem, attempt, setProblem };
}

function SubmitButton({ isBusy }: { isBusy: boolean }) {
  return (
    <button type="submit" class="btn main" aria-busy={isBusy}>
      {isBusy ? 'One moment …' : 'Sign in'}
    </button>
  );
}

function ApiKeyForm() {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const { isBusy, problem, attempt } = useSignIn();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(() => ({ kind: 'api_key', apiKey: field.current!.value.trim() }));
      }}
    >
      <div class="field">
        <label for={id}>API key</label>
        <input ref={field} id={id} type="password" autocomplete="current-password" required />
        <small>A key of your project. It is sent once and never kept in the browser.</small>
      </div>
      <Problem text={problem} />
      <SubmitButton isBusy={isBusy} />
    </form>
  );
}

function OperatorForm() {
  const id = useId();
  const secret = useRef<HTMLInputElement>(null);
  const name = useRef<HTMLInputElement>(null);
  const { isBusy, problem, attempt } = useSignIn();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const given = name.current!.value.trim();
        void attempt(() => ({
          kind: 'operator_secret',
          secret: secret.current!.value,
          ...(given !== '' && { name: given }),
        }));
      }}
    >
      <div class="field">
        <label for={`${id}s`}>Operator secret</label>
        <input ref={secret} id={`${id}s`} type="password" autocomplete="current-password" required />
      </div>
      <div class="field">
        <label for={`${id}n`}>Your name</label>
        <input ref={name} id={`${id}n`} autocomplete="nickname" maxLength={100} />
        <small>Stands in the list of what operators did.</small>
      </div>
      <Problem text={problem} />
      <SubmitButton isBusy={isBusy} />
    </form>
  );
}

function WalletForm() {
  const [wallets, setWallets] = useState<readonly Wallet[]>([]);
  const [isPasting, setPasting] = useState(false);
  const { isBusy, problem, attempt } = useSignIn();
  useEffect(() => findWallets(setWallets), []);
  if (isPasting || wallets.length === 0) return <PasteForm />;
  const withWallet = (wallet: Wallet) => attempt(async () => signWith(wallet, requestText));
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <p class="muted small">
        Sign a text with the wallet that owns your project. It costs nothing, and works for this site only.
      </p>
      {wallets.map((wallet) => (
        <button
          key={wallet.name}
          type="button"
          class="btn main"
          aria-busy={isBusy}
          onClick={() => void withWallet(wallet)}
        >
          Sign with {wallet.name}
        </button>
      ))}
      <Problem text={problem} />
      <button type="button" class="btn small" onClick={() => setPasting(true)}>
        Sign elsewhere and paste
      </button>
    </form>
  );
}

async function requestText(address: string): Promise<string> {
  const { text } = await send<Challenge>('POST', 'session/challenge', { address });
  return text;
}

/** For those who sign elsewhere: the text is copied, and the signature pasted. */
function PasteForm() {
  const id = useId();
  const address = useRef<HTMLInputElement>(null);
  const signature = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState<string | null>(null);
  const { isBusy, problem, attempt, setProblem } = useSignIn();
  const makeText = async () => {
    setProblem(null);
    try {
      setText(await requestText(address.current!.value.trim()));
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text === null) void makeText();
        else void attempt(() => ({ kind: 'wallet', text, signature: signature.current!.value.trim() }));
      }}
    >
      <div class="field">
        <label for={`${id}a`}>Address of the wallet</label>
        <input
          ref={address}
          id={`${id}a`}
          class="mono"
          required
          spellcheck={false}
          autocomplete="off"
          placeholder="0x…"
          onInput={() => setText(null)}
        />
        <small>Of the owner of your project.</small>
      </div>
      {text !== null && (
        <>
          <div class="field">
            <span class="row">
              Sign this text with <span class="mono">personal_sign</span> <Copy text={text} what="text" />
            </span>
            <pre class="box" tabindex={0}>
              {text}
            </pre>
          </div>
          <div class="field">
            <label for={`${id}s`}>Signature</label>
            <textarea ref={signature} id={`${id}s`} rows={3} required spellcheck={false} placeholder="0x…" />
          </div>
        </>
      )}
      <Problem text={problem} />
      <button type="submit" class="btn main" aria-busy={isBusy}>
        {isBusy ? 'One moment …' : text === null ? 'Get the text to sign' : 'Sign in'}
      </button>
    </form>
  );
}
