import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './folders.ts';

/** Makes a certificate for 127.0.0.1 that nobody but itself vouches for; who is to trust it is given it as NODE_EXTRA_CA_CERTS. */
export async function loopbackCertificate(): Promise<{ certFile: string; keyFile: string }> {
  const folder = await temporaryFolder('certificate');
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const about = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', [...made, ...about, '-keyout', keyFile, '-out', certFile]);
  return { certFile, keyFile };
}
