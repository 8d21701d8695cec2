import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { Release } from '../contracts/host.ts';

export interface WebSocketDoor {
  /** path of the upgrade request, as `/mqtt` or `/cameras/mqtt` */
  path: string;
  maxPacketBytes: number;
  /** whether a page of that origin may connect; programs send none and are not asked */
  allowOrigin?: ((origin: string, request: IncomingMessage) => boolean) | undefined;
  /** who is really calling, where a proxy stands in front */
  addressOf?: ((request: IncomingMessage) => string) | undefined;
  /** false while there is no broker */
  open: () => boolean;
  onConnection: (stream: Duplex, request: IncomingMessage, address: string) => void;
}

/** Takes WebSocket connections at one path of an HTTP server; upgrades to other paths are left to whoever else listens. */
export function openWebSocketDoor(server: Server, door: WebSocketDoor): Release {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // A frame may hold several packets, or a part of one; the limit of a packet is kept on the stream behind.
    maxPayload: door.maxPacketBytes * 2,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  });
  const allowOrigin = door.allowOrigin ?? sameHost;
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (pathOf(request) !== door.path) return;
    const { origin } = request.headers;
    if (origin !== undefined && !allowOrigin(origin, request)) {
      refuse(socket, '403 Forbidden');
    } else if (!door.open()) {
      refuse(socket, '503 Service Unavailable');
    } else {
      sockets.handleUpgrade(request, socket, head, (connection: WebSocket) => {
        const address = door.addressOf?.(request) ?? request.socket.remoteAddress ?? '';
        door.onConnection(createWebSocketStream(connection), request, address);
      });
    }
  };
  server.on('upgrade', onUpgrade);
  return () => server.off('upgrade', onUpgrade);
}

/** Pages of this very server, by the host they were asked from. */
function sameHost(origin: string, request: IncomingMessage): boolean {
  return URL.canParse(origin) && new URL(origin).host === request.headers.host;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?')[0] ?? '';
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
