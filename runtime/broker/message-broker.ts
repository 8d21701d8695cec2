import type { Server as HttpServer } from 'node:http';
import type { Release } from '../contracts/host.ts';
import type { Part } from '../lib/part.ts';
import type { WebSocketDoor } from './websocket.ts';

export interface PublishOptions {
  retain?: boolean;
  qos?: 0 | 1;
}

export type WebSocketOptions = Pick<WebSocketDoor, 'allowOrigin' | 'addressOf'>;

/** Publishing, as the stages know it. */
export interface Publisher {
  /** Resolves once the broker has the message; whether anybody takes it is not waited for. Throws `broker.unavailable`. */
  publish(topic: string, body: object, options?: PublishOptions): Promise<void>;
}

/** All that the server knows of its broker: the one it has in itself (`Broker`), or one that stands elsewhere (`OutsideBroker`). */
export interface MessageBroker extends Part, Publisher {
  /** The same with bytes as they are; an empty retained message takes the one before it back. */
  publishBytes(topic: string, payload: Buffer, options?: PublishOptions): Promise<void>;
  /** Answers MQTT over WebSocket at a path of the HTTP server, until released. */
  attachWebSocket(server: HttpServer, path?: string, options?: WebSocketOptions): Release;
  /** A device was shut out, or a key of it ended: what it holds open is cut, where that can be done from here. */
  disconnect(device: string): void;
  /** The same for a person's programs. */
  disconnectUser(name: string): void;
  connections(): number;
  /** Whether a command that is published now reaches the device at once. */
  isConnected(device: string): boolean;
  /** Why nobody is reached now, for /readyz */
  trouble(): string | undefined;
}
