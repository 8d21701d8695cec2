import { claimsLiveOutput } from '../support/live-output-claims.ts';

describe('mjpeg-out', () => {
  claimsLiveOutput({ kind: 'mjpeg', out: 'rxmjpegout00004', viewers: 'rxmjpegout00006' });
});
