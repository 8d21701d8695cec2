import { claimsLiveOutput } from '../support/live-output-claims.ts';

describe('webrtc-out', () => {
  claimsLiveOutput({ kind: 'webrtc', out: 'rxwebrtcout0004', viewers: 'rxwebrtcout0006' });
});
