import assert from 'node:assert/strict';
import { lanBanner } from '../../../runtime/cli/lan-banner.ts';

const lan = { HOST: '0.0.0.0', PORT: 1880, MQTT_PORT: 1883, MQTT_URL: undefined, TLS_CERT: undefined, TRUST_LAN: true };

describe('the banner of TRUST_LAN', () => {
  it('says what is open to the network without encryption', () => {
    const banner = lanBanner(lan) ?? '';
    assert.match(banner, /TRUST_LAN: HTTP at port 1880 and MQTT at port 1883 of 0\.0\.0\.0/);
    assert.match(banner, /TLS_CERT and TLS_KEY/);
    assert.match(lanBanner({ ...lan, TLS_CERT: '/cert.pem' }) ?? '', /TRUST_LAN: MQTT at port 1883 of/);
    assert.doesNotMatch(lanBanner({ ...lan, MQTT_URL: 'mqtt://u:secret@broker' }) ?? '', /MQTT|secret/);
  });

  it('is not there where nothing is', () => {
    assert.equal(lanBanner({ ...lan, HOST: '127.0.0.1' }), undefined);
    assert.equal(lanBanner({ ...lan, TRUST_LAN: false, TLS_CERT: '/cert.pem' }), undefined);
    assert.equal(lanBanner({ ...lan, MQTT_PORT: 0, TLS_CERT: '/cert.pem' }), undefined);
  });
});
