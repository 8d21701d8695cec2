import type { IncomingMessage } from 'node:http';
import busboy from 'busboy';
import { AppError } from '../../contracts/errors.ts';
import type { Lease } from './byte-budget.ts';
import { checkBoundary, type FrameParts, MAX_META_BYTES, MAX_PARTS, malformed, PartCollector } from './multipart.ts';
import { eachChunk } from './read-body.ts';

/**
 * Reads a form of unknown length as it comes. `image` must be sent as a file (with a filename, or as application/octet-stream):
 * everything else is text to this parser. Throws as `splitForm` and `readBody` do.
 */
export async function readChunkedForm(
  req: IncomingMessage,
  boundary: string | undefined,
  limit: number,
  lease: Lease,
): Promise<FrameParts> {
  checkBoundary(boundary);
  const collector = new PartCollector();
  const parser = openParser(req, limit);
  let wrong: unknown;
  const note = (error: unknown) => {
    wrong ??= error;
  };
  const add = (name: string, content: Buffer) => {
    try {
      collector.add(name, content);
    } catch (error) {
      note(error);
    }
  };
  parser.on('file', (name, stream) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => add(name, Buffer.concat(pieces)));
    stream.on('error', note);
  });
  parser.on('field', (name, text, info) => {
    if (info.nameTruncated || info.valueTruncated) note(malformed('a field of the form is too long'));
    else if (name === 'image') note(malformed('in a chunked form, image must be sent as a file', 'image'));
    else add(name, Buffer.from(text));
  });
  for (const limitEvent of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    parser.on(limitEvent, () => note(malformed(`the form has more than ${MAX_PARTS} parts`)));
  }
  const closed = new Promise<void>((resolve) => {
    parser.on('error', note);
    parser.on('close', resolve);
  });
  try {
    await eachChunk(req, limit, lease, (chunk) => {
      // Everything is in memory anyway and the limits hold, so there is no use in waiting for `drain`.
      parser.write(chunk);
      if (wrong !== undefined) throw wrong;
    });
    parser.end();
    await closed;
  } catch (error) {
    parser.destroy();
    throw asMalformed(error);
  }
  if (wrong !== undefined) throw asMalformed(wrong);
  return collector.parts();
}

function openParser(req: IncomingMessage, limit: number): busboy.Busboy {
  try {
    return busboy({
      headers: req.headers,
      limits: {
        fieldNameSize: 100,
        fieldSize: MAX_META_BYTES,
        fields: MAX_PARTS,
        files: MAX_PARTS,
        parts: MAX_PARTS,
        fileSize: limit,
        headerPairs: 50,
      },
    });
  } catch (error) {
    throw asMalformed(error);
  }
}

function asMalformed(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('frame.malformed', 'the form is broken', { field: 'body' }, { cause: error });
}
