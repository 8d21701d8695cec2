import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { splitForm } from '../../../../runtime/http/ingest/multipart.ts';

const BOUNDARY = 'x-0123456789';

function form(parts: readonly { name: string; content: string }[], end = `--${BOUNDARY}--\r\n`): Buffer {
  const written = parts.map(
    ({ name, content }) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`,
  );
  return Buffer.from(written.join('') + end, 'latin1');
}

function contents(body: Buffer) {
  const { meta, image } = splitForm(body, BOUNDARY);
  return { meta: meta.toString('latin1'), image: image.toString('latin1') };
}

const refused = (error: unknown) => error instanceof AppError && error.code === 'frame.malformed';

describe('splitForm', () => {
  it('finds both parts in either order, and leaves others out', () => {
    const [meta, image, other] = [
      { name: 'meta', content: '{}' },
      { name: 'image', content: '\r\n\xff\xd8\0-\r\n' },
      { name: 'other', content: 'x' },
    ];
    for (const parts of [
      [meta, image],
      [image, meta],
      [other, image, other, meta],
    ]) {
      assert.deepEqual(contents(form(parts)), { meta: '{}', image: image.content });
    }
  });

  it('is not misled by what looks like the beginning of the boundary, seldom or often', () => {
    for (const decoy of ['\r\n--', '\r\n--x-', `\r\n--${BOUNDARY.slice(0, -1)}`, '\r\r\n--', '\r\n-', '\r\n--\r\n--']) {
      for (const times of [1, 2, 19, 20, 21, 500]) {
        const content = decoy.repeat(times);
        const body = form([
          { name: 'image', content },
          { name: 'meta', content: '{}' },
        ]);
        assert.deepEqual(contents(body), { meta: '{}', image: content }, `${JSON.stringify(decoy)} ${times} times`);
      }
    }
  });

  it('refuses a form that does not end with its boundary, wherever it breaks off', () => {
    const whole = form([
      { name: 'meta', content: '{}' },
      { name: 'image', content: '\r\n--'.repeat(30) },
    ]);
    const last = whole.length - '--\r\n'.length;
    for (let length = 0; length < last; length += 1) {
      assert.throws(() => splitForm(whole.subarray(0, length), BOUNDARY), refused, `${length} bytes`);
    }
  });
});
