/** What one connection, address or broker may use up. */
export interface BrokerLimits {
  /** of one MQTT packet, header included; aedes itself counts packets, not bytes */
  maxPacketBytes: number;
  /** of the first packet, before anybody is known */
  maxConnectBytes: number;
  packetsPerSecond: number;
  /** how far a connection may run ahead of its rate before it is cut, in seconds; until then it is slowed down */
  maxAheadS: number;
  connectTimeoutMs: number;
  keepaliveLimitS: number;
  /** a client that does not take what is sent to it is cut after so long, so that it cannot hold up the others */
  drainTimeoutMs: number;
  /** connections of one address that have not shown a credential yet */
  waitingPerAddress: number;
  connections: number;
  retainedTopicsPerDevice: number;
  /** how often it is looked whether the credentials of open connections still hold; revocations do not wait for it */
  revalidateMs: number;
}

export const DEFAULT_LIMITS: BrokerLimits = {
  maxPacketBytes: 256 * 1024,
  maxConnectBytes: 8 * 1024,
  packetsPerSecond: 50,
  maxAheadS: 10,
  connectTimeoutMs: 10_000,
  keepaliveLimitS: 300,
  drainTimeoutMs: 20_000,
  waitingPerAddress: 50,
  connections: 5000,
  retainedTopicsPerDevice: 128,
  revalidateMs: 30_000,
};

export const MAX_TOPIC_LEVELS = 12;
