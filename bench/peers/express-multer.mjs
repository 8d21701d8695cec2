// What a user would write: Express 5, multer, one file and one insert per frame. With FSYNC=1 the file survives a power cut too.
import { open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import express from 'express';
import multer from 'multer';
import pg from 'pg';

const { DATABASE_URL, FOLDER, FSYNC, DEVICE_KEYS } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
await pool.query(
  `create table if not exists peer_captures (id bigserial primary key, device_id text not null, seq bigint not null, captured_at timestamptz not null,
   width int, height int, jpeg_quality int, path text not null, unique (device_id, seq));
   create table if not exists peer_jobs (id bigserial primary key, capture_id bigint not null, state text not null default 'queued')`,
);
// The same caching as ours: keys are in memory.
const keys = new Set(DEVICE_KEYS.split(','));
const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 16 * 1024 * 1024 } });
const folder = FSYNC ? await open(FOLDER, 'r') : undefined;
const app = express();
app.post('/api/v1/ingest/frame', upload.single('image'), async (req, res) => {
  if (!keys.has(req.get('X-DEVICE-KEY'))) return res.status(401).json({ ok: false });
  const meta = JSON.parse(req.body.meta);
  const path = join(FOLDER, `${meta.device_id}-${meta.seq}.jpg`);
  if (FSYNC) {
    const file = await open(`${path}.tmp`, 'w');
    await file.writeFile(req.file.buffer);
    await file.sync();
    await file.close();
    await rename(`${path}.tmp`, path);
    await folder.sync();
  } else await writeFile(path, req.file.buffer);
  const { rows } = await pool.query(
    `with c as (insert into peer_captures (device_id, seq, captured_at, width, height, jpeg_quality, path) values ($1,$2,$3,$4,$5,$6,$7) returning id)
     insert into peer_jobs (capture_id) select id from c returning capture_id`,
    [meta.device_id, meta.seq, meta.capture_ts, meta.width, meta.height, meta.jpeg_quality, path],
  );
  res.status(201).json({ ok: true, frame_id: rows[0].capture_id, received_ts: new Date().toISOString() });
});
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
