const FRAME_MS = 800;

/** Half a round trip, and what the newest picture waited from its last packet to the screen: from the server's sending to the eye. */
export async function delayOf(
  connection: Pick<RTCPeerConnection | RTCRtpReceiver, 'getStats'>,
  video: HTMLVideoElement,
): Promise<number | undefined> {
  let roundTripS = 0;
  for (const row of (await connection.getStats()).values()) {
    if (row.type === 'candidate-pair' && row.nominated) roundTripS = row.currentRoundTripTime ?? 0;
  }
  const waited = await waitOfNext(video);
  return waited === undefined ? undefined : (roundTripS / 2) * 1000 + waited;
}

/** Undefined where the browser does not tell, or no picture comes. */
function waitOfNext(video: HTMLVideoElement): Promise<number | undefined> {
  return new Promise((resolve) => {
    if (!('requestVideoFrameCallback' in video)) {
      resolve(undefined);
      return;
    }
    const id = video.requestVideoFrameCallback((_now, { expectedDisplayTime, receiveTime }) => {
      clearTimeout(timer);
      resolve(receiveTime === undefined ? undefined : Math.max(0, expectedDisplayTime - receiveTime));
    });
    const timer = setTimeout(() => {
      video.cancelVideoFrameCallback(id);
      resolve(undefined);
    }, FRAME_MS);
  });
}
