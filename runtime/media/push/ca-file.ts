import { accessSync, constants } from 'node:fs';

/** Where systems keep the certificates that they trust: Debian, Fedora, SUSE, Alpine and macOS. */
const PLACES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** The system's trusted certificates in one file, which ffmpeg has to be told; undefined where there are none. */
export function findCaFile(): string | undefined {
  return PLACES.find((place) => {
    try {
      accessSync(place, constants.R_OK);
      return true;
    } catch {
      return false;
    }
  });
}
