import assert from 'node:assert/strict';
import { writeAnswer } from '../../../../runtime/media/whep/answer.ts';
import type { LocalIce } from '../../../../runtime/media/whep/engine.ts';
import { readOffer } from '../../../../runtime/media/whep/offer.ts';

const LOCAL: LocalIce = {
  ufrag: 'ours',
  pwd: 'ourspwdourspwdourspwdours',
  fingerprint: { algorithm: 'sha-256', value: 'CD:CD' },
  setup: 'active',
  candidates: ['candidate:1 1 UDP 2114977791 192.0.2.2 8189 typ host'],
};

describe('an answer', () => {
  it('has a section for each of the offer, in its order: video sent, sound silent, data refused, addresses in the first', () => {
    const { media } = readOffer(
      [
        'v=0',
        'a=ice-ufrag:abcd',
        'a=ice-pwd:abcdefghijklmnopqrstuvwx',
        `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
        'a=setup:actpass',
        'm=audio 9 UDP/TLS/RTP/SAVPF 111 0',
        'a=mid:0',
        'a=rtpmap:111 opus/48000/2',
        'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
        'a=mid:1',
        'a=rtpmap:97 H264/90000',
        'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
        'a=mid:2',
        '',
      ].join('\r\n'),
    );
    const video = { mid: '1', payloadType: 97, fmtp: 'packetization-mode=1', ssrc: 42, cname: 'redeye' };
    const text = writeAnswer(media, { video }, LOCAL, '7');
    assert.deepEqual(text.match(/^(m=|a=mid|a=group|a=sendonly|a=inactive|a=candidate).*$/gm), [
      'a=group:BUNDLE 0 1',
      'm=audio 9 UDP/TLS/RTP/SAVPF 111',
      'a=mid:0',
      'a=inactive',
      'a=candidate:1 1 UDP 2114977791 192.0.2.2 8189 typ host',
      'm=video 9 UDP/TLS/RTP/SAVPF 97',
      'a=mid:1',
      'a=sendonly',
      'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
      'a=inactive',
      'a=mid:2',
    ]);
    const audio = {
      mid: '0',
      payloadType: 111,
      rtpmap: 'opus/48000/2',
      clockRate: 48_000,
      fmtp: '',
      ssrc: 43,
      cname: 'redeye',
    };
    const heard = writeAnswer(media, { video, audio }, LOCAL, '7');
    assert.deepEqual(heard.match(/^(m=audio|a=sendonly|a=inactive|a=rtpmap|a=ssrc).*$/gm), [
      'm=audio 9 UDP/TLS/RTP/SAVPF 111',
      'a=sendonly',
      'a=rtpmap:111 opus/48000/2',
      'a=ssrc:43 cname:redeye',
      'a=sendonly',
      'a=rtpmap:97 H264/90000',
      'a=ssrc:42 cname:redeye',
      'a=inactive',
    ]);
    assert.ok(text.split('\n').every((line) => line === '' || line.endsWith('\r')));
  });
});
