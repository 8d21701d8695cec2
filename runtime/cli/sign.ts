import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type FlowBundle, SigningRequest } from '../contracts/deployments.ts';
import { AppError } from '../contracts/errors.ts';
import { parseSigningKeyFile, signingKeyFile } from '../fleet/deployments/signing-keys.ts';
import { sha256Hex } from '../lib/canonical-json.ts';
import { guardNodeVersion } from '../lib/node-version.ts';
import { newSigningKey, signBundle, signerOf, signSuccessor } from '../lib/signatures.ts';
import { parser } from '../lib/validate.ts';

guardNodeVersion();

const USAGE = `usage: npm run sign -- --new FILE             a new signing key, in a file that only you can read
       npm run sign -- --rotate OLD NEW       a new key that the old one vouches for
       npm run sign -- --key FILE IN OUT      signs a deployment: IN from GET /api/v1/deployments/ID/signing-request,
                                              OUT for POST /api/v1/deployments/ID/signatures
`;
const parseRequest = parser(SigningRequest);

/** Signs away from the server: what it signs is looked at here, and shown, before it does. */
async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { new: { type: 'string' }, rotate: { type: 'string' }, key: { type: 'string' } },
  });
  const [first, second] = positionals;
  if (values.new !== undefined && first === undefined) return makeKey(values.new);
  if (values.rotate !== undefined && first !== undefined && second === undefined) return rotate(values.rotate, first);
  if (values.key !== undefined && first !== undefined && second !== undefined) return sign(values.key, first, second);
  throw new TypeError(USAGE);
}

async function makeKey(file: string): Promise<void> {
  const pem = newSigningKey();
  await writeFile(file, signingKeyFile(pem), { mode: 0o600, flag: 'wx' });
  say(`key ${signerOf(pem).key_id} is in ${file}`);
}

async function rotate(oldFile: string, newFile: string): Promise<void> {
  const old = await keyIn(oldFile);
  const pem = newSigningKey();
  const next = signerOf(pem);
  await writeFile(newFile, signingKeyFile(pem, signSuccessor(old.signer, next)), { mode: 0o600, flag: 'wx' });
  say(`key ${next.key_id}, vouched for by ${old.signer.key_id}, is in ${newFile}`);
}

async function sign(keyFile: string, inFile: string, outFile: string): Promise<void> {
  const { signer, successorOf } = await keyIn(keyFile);
  const request = parseRequest(JSON.parse(await readFile(inFile, 'utf8')));
  const signatures = request.bundles.map(({ statement, bundle }) => {
    const { content, manifest } = JSON.parse(bundle) as FlowBundle;
    const isSame =
      sha256Hex(bundle) === statement.sha256 &&
      Buffer.byteLength(bundle) === statement.size &&
      manifest.device === statement.device &&
      manifest.generation === statement.generation &&
      statement.id === request.deployment;
    if (!isSame)
      throw new AppError(
        'deployment.signature_invalid',
        `what is to be signed for ${statement.device} is something else`,
      );
    const tabs = (content.flows ?? []).flatMap(({ type, ...rest }) =>
      type === 'tab' ? [String((rest as { label?: unknown }).label ?? '')] : [],
    );
    say(
      `${statement.device}: ${content.flows ? tabs.join(', ') : 'what it was shipped with'} (${statement.size} bytes)`,
    );
    return { sha256: statement.sha256, signature: signBundle(signer, statement) };
  });
  const { key_id, public_key } = signer;
  const answer = { v: 1, deployment: request.deployment, key: successorOf ?? { key_id, public_key }, signatures };
  await writeFile(outFile, `${JSON.stringify(answer, null, 2)}\n`);
  say(`${signatures.length} signatures by ${key_id} are in ${outFile}`);
}

async function keyIn(file: string) {
  return parseSigningKeyFile(await readFile(file, 'utf8'), file);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
