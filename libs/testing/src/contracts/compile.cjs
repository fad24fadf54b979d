/** Compiles Collections.sol to collections.json. See README.md. */
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const solc = require('solc');

const source = readFileSync(path.join(__dirname, 'Collections.sol'), 'utf8');
const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: 'Solidity',
      sources: { 'Collections.sol': { content: source } },
      settings: {
        evmVersion: 'paris',
        optimizer: { enabled: true },
        metadata: { appendCBOR: false },
        outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
      },
    }),
  ),
);
for (const { severity, formattedMessage } of output.errors ?? []) {
  if (severity === 'error') throw new Error(formattedMessage);
}
const contracts = Object.entries(output.contracts['Collections.sol']).map(([name, { abi, evm }]) => [
  name,
  { abi, bytecode: `0x${evm.bytecode.object}` },
]);
writeFileSync(path.join(__dirname, 'collections.json'), `${JSON.stringify(Object.fromEntries(contracts), null, 2)}\n`);
