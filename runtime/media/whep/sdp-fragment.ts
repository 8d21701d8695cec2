import { AppError } from '../../contracts/errors.ts';
import { candidatesOf } from './offer.ts';

export interface SdpFragment {
  /** absent where the player did not repeat it */
  ufrag: string | undefined;
  pwd: string | undefined;
  candidates: string[];
}

/** Reads `application/trickle-ice-sdpfrag` (RFC 8840 §9); throws `offer.invalid`. Only ICE is looked at. */
export function readFragment(text: string): SdpFragment {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line !== '');
  const known = lines.every((line) => /^[a-z]=/.test(line));
  const attributes = lines.filter((line) => line.startsWith('a=')).map((line) => line.slice(2));
  const textOf = (name: string) => attributes.find((one) => one.startsWith(`${name}:`))?.slice(name.length + 1);
  const ufrag = textOf('ice-ufrag');
  const pwd = textOf('ice-pwd');
  const says = attributes.some((one) => one.startsWith('candidate:') || one === 'end-of-candidates');
  if (!known || (!says && ufrag === undefined)) {
    throw new AppError('offer.invalid', 'the body must be an SDP fragment with candidates');
  }
  return { ufrag, pwd, candidates: candidatesOf(attributes) };
}
