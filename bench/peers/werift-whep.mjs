import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

/**
 * What a user would write with werift: ffmpeg sends the clip's RTP to a port here, and each packet goes to every viewer's track. Only WHEP's
 * POST and DELETE. argv: the clip. WERIFT may name where the package lies.
 */
const [clip] = process.argv.slice(2);
const { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } = await import(process.env.WERIFT || 'werift');

const peers = new Map();
const H264 = new RTCRtpCodecParameters({
  mimeType: 'video/H264',
  clockRate: 90_000,
  payloadType: 96,
  parameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
  rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
});

const socket = createSocket('udp4');
socket.on('message', (packet) => {
  for (const { track } of peers.values()) track.writeRtp(packet);
});
await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
const input = ['-re', '-stream_loop', '-1', '-i', clip, '-an', '-c', 'copy'];
const rtp = `rtp://127.0.0.1:${socket.address().port}?pkt_size=1200`;
const ffmpeg = spawn('ffmpeg', ['-v', 'error', ...input, '-f', 'rtp', '-payload_type', '96', rtp], {
  stdio: ['ignore', 'ignore', 'inherit'],
});

const server = createServer(async (request, response) => {
  const id = request.url.split('/')[2];
  if (request.method === 'DELETE') {
    await peers.get(id)?.pc.close();
    peers.delete(id);
    response.end();
    return;
  }
  let sdp = '';
  for await (const piece of request) sdp += piece;
  const pc = new RTCPeerConnection({
    codecs: { video: [H264], audio: [] },
    iceServers: [],
    iceUseIpv6: false,
    iceAdditionalHostAddresses: ['127.0.0.1'],
    bundlePolicy: 'max-bundle',
  });
  const track = new MediaStreamTrack({ kind: 'video' });
  pc.addTransceiver(track, { direction: 'sendonly' });
  await pc.setRemoteDescription({ type: 'offer', sdp });
  await pc.setLocalDescription(await pc.createAnswer());
  const secret = String(Math.random()).slice(2);
  peers.set(secret, { pc, track });
  response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `/whep/${secret}` });
  response.end(pc.localDescription.sdp);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

process.on('message', ({ ask, op }) => {
  const { user, system } = process.cpuUsage();
  const usage = { cpuMs: (user + system) / 1000, atMs: performance.now() };
  const address = { url: `http://127.0.0.1:${server.address().port}/whep` };
  process.send({ ask, value: op === 'usage' ? usage : address });
});
const end = () => {
  ffmpeg.kill('SIGKILL');
  process.exit(0);
};
process.once('SIGTERM', end);
process.once('disconnect', end);
process.send({ ready: true });
