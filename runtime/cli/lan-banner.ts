import { isLoopback, type Settings } from '../../settings.ts';

const LINE = '*'.repeat(78);

/** What is said at each start that serves to the network without encryption, as TRUST_LAN allows (CONTRACTS §2); undefined when none does. */
export function lanBanner(
  settings: Pick<Settings, 'HOST' | 'MQTT_PORT' | 'MQTT_URL' | 'PORT' | 'TLS_CERT' | 'TRUST_LAN'>,
): string | undefined {
  const { HOST, MQTT_PORT, MQTT_URL, PORT, TLS_CERT, TRUST_LAN } = settings;
  if (isLoopback(HOST) || !TRUST_LAN) return undefined;
  const open = [
    ...(TLS_CERT === undefined ? [`HTTP at port ${PORT}`] : []),
    ...(MQTT_PORT > 0 && MQTT_URL === undefined ? [`MQTT at port ${MQTT_PORT}`] : []),
  ];
  if (open.length === 0) return undefined;
  const cure = TLS_CERT === undefined ? 'TLS_CERT and TLS_KEY' : 'MQTTS_PORT, with TRUST_LAN off,';
  const words = [
    `TRUST_LAN: ${open.join(' and ')} of ${HOST} can be reached without encryption.`,
    'Whoever is in this network can read passwords, keys and pictures on their way.',
    `${cure} end that.`,
  ];
  return `\n${LINE}\n${words.map((text) => `* ${text}\n`).join('')}${LINE}\n\n`;
}
