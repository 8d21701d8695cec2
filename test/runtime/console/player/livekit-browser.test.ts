import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  JoinResponse,
  ParticipantInfo,
  ParticipantInfo_State,
  Room,
  SessionDescription,
  SignalRequest,
  SignalResponse,
  SignalTarget,
  TrackInfo,
  TrackType,
} from '@livekit/protocol';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import { type WebSocket, WebSocketServer } from 'ws';
import { openBrowser } from '../../../support/browser.ts';
import { buildConsoleIfOld } from '../../../support/console-build.ts';
import { ROOT } from '../../../support/programs.ts';
import { until } from '../../../support/until.ts';

/** Media of the room, made by another page: first a connection without pictures, as LiveKit's, then with a drawn one. */
const MEDIA = `
window.offer = async (hasVideo) => {
  if (hasVideo) {
    const context = Object.assign(document.createElement('canvas'), { width: 320, height: 180 }).getContext('2d');
    setInterval(() => context.fillRect(Math.random() * 320, 0, 2, 180), 50);
    window.peer.addTrack(context.canvas.captureStream(20).getVideoTracks()[0], new MediaStream());
  } else {
    window.peer = new RTCPeerConnection();
    window.peer.createDataChannel('_reliable');
  }
  await window.peer.setLocalDescription(await window.peer.createOffer());
  while (window.peer.iceGatheringState !== 'complete')
    await new Promise((resolve) => window.peer.addEventListener('icegatheringstatechange', resolve, { once: true }));
  return window.peer.localDescription.sdp;
};
`;
const PLAYER = `
(async () => {
  await import('/assets/redeye-player.js');
  const player = document.createElement('redeye-player');
  player.style.cssText = 'display:block;width:640px;height:400px';
  player.setAttribute('camera', 'gate');
  window.told = [];
  player.addEventListener('redeye-state', ({ detail }) => window.told.push(detail));
  document.body.append(player);
})()
`;

buildConsoleIfOld();

describe('the player in a room of LiveKit, by livekit-client', function () {
  this.timeout(60_000);
  let server: Server;
  let browser: Browser;
  let media: Page;
  let url: string;
  let subscribed: string[];
  let hasLeft: boolean;

  /** LiveKit's signalling, in its protocol without the newer path, of a room with two cameras. */
  const converse = (socket: WebSocket) => {
    const say = (message: SignalResponse['message']) => socket.send(new SignalResponse({ message }).toBinary());
    const offer = async (hasVideo: boolean) => {
      const sdp = String(await media.evaluate(`window.offer(${hasVideo})`));
      const named = sdp.replace(/msid:\S+ \S+/g, 'msid:PA_gate|TR_gate TR_gate');
      say({ case: 'offer', value: new SessionDescription({ type: 'offer', sdp: named }) });
    };
    const camera = (name: string) =>
      new ParticipantInfo({
        sid: `PA_${name}`,
        identity: `camera-${name}`,
        state: ParticipantInfo_State.ACTIVE,
        tracks: [new TrackInfo({ sid: `TR_${name}`, type: TrackType.VIDEO })],
      });
    const value = new JoinResponse({
      room: new Room({ sid: 'RM_hall', name: 'hall' }),
      participant: new ParticipantInfo({ sid: 'PA_viewer', identity: 'web-1', state: ParticipantInfo_State.ACTIVE }),
      serverVersion: '1.9.0',
      otherParticipants: [camera('porch'), camera('gate')],
      subscriberPrimary: true,
      pingInterval: 10,
      pingTimeout: 30,
    });
    say({ case: 'join', value });
    const hear = async ({ message }: SignalRequest) => {
      if (message.case === 'leave') hasLeft = true;
      if (message.case === 'subscription') {
        subscribed.push(...message.value.trackSids);
        await offer(true);
      }
      if (message.case === 'answer') {
        const answer = JSON.stringify({ type: 'answer', sdp: message.value.sdp });
        await media.evaluate(`window.peer.setRemoteDescription(${answer})`);
      }
      // One that comes before the answer stands in that too.
      if (message.case === 'trickle' && message.value.target === SignalTarget.SUBSCRIBER)
        await media.evaluate(`window.peer.addIceCandidate(${message.value.candidateInit}).catch(() => undefined)`);
    };
    // One after the other: each belongs to what was said before.
    let turn = offer(false);
    socket.on('message', (data: Buffer) => {
      turn = turn.then(() => hear(SignalRequest.fromBinary(data)));
    });
  };

  before(async () => {
    subscribed = [];
    hasLeft = false;
    const app = express();
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    app.get('/api/v1/cameras/gate/live', (_req, res) => {
      const ways = [
        { name: 'livekit', room: 'hall', participant: 'camera-gate' },
        ...['whep', 'hls', 'mjpeg'].map((name) => ({ name, reason: 'off' })),
      ];
      res.json({ state: 'live', now: Date.now(), ways, iceServers: [] });
    });
    app.post('/api/v1/livekit/token', (_req, res) => {
      res.json({ url: url.replace('http', 'ws'), token: 't', room: 'hall', identity: 'web-1' });
    });
    app.get('/blank', (_req, res) => void res.type('html').send('<!doctype html>'));
    app.use(express.static(join(ROOT, 'dist/console'), { index: false }));
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      if (request.url?.startsWith('/rtc/v1')) socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      else sockets.handleUpgrade(request, socket, head, converse);
    });
    // Two pages on one machine find each other by address, not by names that somebody would have to resolve.
    browser = await openBrowser('--disable-features=WebRtcHideLocalIpsWithMdns');
    media = await browser.newPage();
    await media.goto(`${url}/blank`);
    await media.evaluate(MEDIA);
  });

  after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('subscribes to its own camera only, shows it, tells its delay, and leaves with the page', async () => {
    const page = await browser.newPage();
    await page.goto(`${url}/blank`);
    await page.evaluate(PLAYER);
    await until('it plays and tells its delay', async () => {
      const told = (await page.evaluate('window.told')) as { state: string; way?: string; delayMs?: number }[];
      return told.some(({ state, way, delayMs }) => state === 'playing' && way === 'livekit' && delayMs !== undefined);
    });
    assert.deepEqual(subscribed, ['TR_gate']);
    await page.evaluate(`document.querySelector('redeye-player').remove()`);
    await until('it has left the room', () => hasLeft);
  });
});
