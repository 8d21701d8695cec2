import assert from 'node:assert/strict';
import { addressForDevices, parseOutsideAddress } from '../../../runtime/lib/outside-address.ts';

const told = (url: string, host = 'server.example', own?: string) =>
  addressForDevices(parseOutsideAddress(url), own, host);

describe('the address of an outside broker', () => {
  it('is taken apart: the credential is not in the address that logs and devices get', () => {
    assert.deepEqual(parseOutsideAddress('mqtts://red%40eye:p%2Fw%23@broker.example:8883'), {
      url: 'mqtts://broker.example:8883',
      username: 'red@eye',
      password: 'p/w#',
    });
    const none = parseOutsideAddress('mqtt://broker/');
    assert.deepEqual(none, { url: 'mqtt://broker', username: undefined, password: undefined });
    assert.equal(parseOutsideAddress('wss://u:p@broker.example/mqtt').url, 'wss://broker.example/mqtt');
  });

  for (const url of [
    'mqtt://u:12#geheim@broker',
    'mqtt://u:12/geheim@broker',
    'mqtt://u:12?geheim@broker',
    'ws://u:12/geheim@broker',
    'mqtt://u:geheim%@broker',
    'mqtt://u:geheim:1883',
    'mqtt://:geheim@',
  ]) {
    it(`is refused, without a word of the password, as ${url.replace('geheim', '…')}`, () => {
      assert.throws(
        () => parseOutsideAddress(url),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'setting.invalid');
          assert.match(error.message, /^MQTT_URL: its value is no address; .*%2F/);
          assert.ok(!`${error.message} ${JSON.stringify(error)} ${error.stack}`.includes('geheim'));
          return true;
        },
      );
    });
  }

  it("is told to devices as it is, as the server's host where it is this machine, or as somebody set it", () => {
    assert.equal(told('mqtts://u:p@broker.example:8883'), 'mqtts://broker.example:8883');
    for (const here of ['127.0.0.1', 'localhost', '[::1]'])
      assert.equal(told(`mqtt://u:p@${here}:1883`), 'mqtt://server.example:1883');
    assert.equal(told('mqtt://u:p@mosquitto:1883', 'x', 'mqtts://mqtt.example'), 'mqtts://mqtt.example');
  });
});
