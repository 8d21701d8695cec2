import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { createLog } from '../../../runtime/lib/log.ts';

/** The one line that comes of these fields. */
function lineOf(fields: Record<string, unknown>): Record<string, unknown> {
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } });
  log.info('said', fields);
  assert.equal(lines.length, 1);
  const { level: _level, msg, time: _time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal(msg, 'said');
  return rest;
}

describe('a line of the log', () => {
  it('hides secrets however deep they lie', () => {
    const deep = { a: { b: [{ c: { device_key: 'planted', kept: 1 } }] } };
    assert.deepEqual(lineOf({ key: 'planted', deep, token: undefined }), {
      key: '••••',
      deep: { a: { b: [{ c: { device_key: '••••', kept: 1 } }] } },
    });
  });

  it('tells an error with its code, its details and its cause, and not what a library hung on it', () => {
    const cause = Object.assign(new TypeError('refused'), {
      code: 'ECONNREFUSED',
      request: { headers: { Authorization: 'Bearer planted' } },
      stdout: Buffer.from('planted'),
    });
    const error = new AppError('camera.unreachable', 'not reached', { host: 'attic', key: 'planted' }, { cause });
    const { error: told } = lineOf({ error }) as { error: Record<string, unknown> };
    assert.match(String(told.stack), /not reached/);
    assert.deepEqual(
      { ...told, stack: '', cause: { ...(told.cause as object), stack: '' } },
      {
        type: 'AppError',
        name: 'AppError',
        message: 'not reached',
        stack: '',
        code: 'camera.unreachable',
        details: { host: 'attic', key: '••••' },
        cause: { type: 'TypeError', message: 'refused', stack: '', code: 'ECONNREFUSED' },
      },
    );
  });

  it('comes whatever is to be told: bytes, circles, large numbers, getters that throw', () => {
    const circle: Record<string, unknown> = { name: 'round', at: new Date(0), address: new URL('http://attic/') };
    circle.self = circle;
    const strange = Object.defineProperty({}, 'value', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    assert.deepEqual(lineOf({ bytes: Buffer.from('abc'), big: 2n ** 70n, circle, strange, call() {} }), {
      bytes: '[3 bytes]',
      big: '1180591620717411303424',
      circle: { name: 'round', at: '1970-01-01T00:00:00.000Z', address: 'http://attic/', self: '[circular]' },
      strange: '[unreadable]',
    });
  });

  it('ends where fields or causes go on for ever', () => {
    const error = new Error('first');
    error.cause = error;
    const { error: told } = lineOf({ error }) as { error: { cause: unknown } };
    assert.equal(told.cause, '[circular]');
    const nested = Array.from({ length: 20 }).reduce((inner) => ({ inner }), {});
    assert.match(JSON.stringify(lineOf({ nested })), /"\[deeper\]"/);
  });
});
