import type { Queryable } from './db.ts';

export interface ProductRow {
  id: number;
  name: string;
  description: string | null;
  metadata: Record<string, unknown>;
  user_id: number | null;
  created_at: Date;
  updated_at: Date;
  images: number;
  videos: number;
}

/** Who looks: a limited user sees what hangs on products through their cameras, and the products they made. */
export interface ProductViewer {
  cameras: string[] | null;
  user: number;
}

const SEEN = `
  select p.id, p.name, p.description, p.metadata, p.user_id, p.created_at, p.updated_at,
         (select count(*)::int from images i where i.product_id = p.id and i.deleting_at is null
             and ($1::text[] is null or i.camera_id = any($1::text[]))) as images,
         (select count(*)::int from videos v where v.product_id = p.id
             and ($1::text[] is null or v.camera_id = any($1::text[]))) as videos
    from products p
   where ($1::text[] is null or p.user_id = $2
          or exists (select from images i where i.product_id = p.id and i.camera_id = any($1::text[]))
          or exists (select from videos v where v.product_id = p.id and v.camera_id = any($1::text[])))`;

/** Products, the newest first, whose name holds the text. */
export async function listProducts(
  q: Queryable,
  query: ProductViewer & { before?: number | undefined; limit: number; search?: string | undefined },
): Promise<ProductRow[]> {
  const { rows } = await q.query<ProductRow>(
    `${SEEN} and ($3::integer is null or p.id < $3::integer)
       and ($4::text is null or position(lower($4::text) in lower(p.name)) > 0)
     order by p.id desc limit $5`,
    [query.cameras, query.user, query.before ?? null, query.search ?? null, query.limit],
  );
  return rows;
}

/** One product, as far as it may be seen. */
export async function findProduct(q: Queryable, id: number, who: ProductViewer): Promise<ProductRow | undefined> {
  return (await q.query<ProductRow>(`${SEEN} and p.id = $3`, [who.cameras, who.user, id])).rows[0];
}

/** Whether there is such a product. */
export async function hasProduct(q: Queryable, id: number): Promise<boolean> {
  return (await q.query('select 1 from products where id = $1', [id])).rows.length > 0;
}

/** Adds a product; answers its id. */
export async function insertProduct(
  q: Queryable,
  product: { name: string; description: string | null; metadata: object; userId: number | null; at: Date },
): Promise<number> {
  const { name, description, metadata, userId, at } = product;
  const { rows } = await q.query<{ id: number }>(
    `insert into products (name, description, metadata, user_id, created_at, updated_at)
     values ($1, $2, $3::text::jsonb, $4, $5, $5) returning id`,
    [name, description, JSON.stringify(metadata), userId, at],
  );
  const [row] = rows;
  if (!row) throw new Error('the product got no id');
  return row.id;
}

/** Changes what is given; false when there is no such product. */
export async function updateProduct(
  q: Queryable,
  id: number,
  change: {
    name?: string | undefined;
    description?: string | null | undefined;
    metadata?: object | undefined;
    at: Date;
  },
): Promise<boolean> {
  const { rowCount } = await q.query(
    `update products set name = coalesce($2, name), description = case when $3::boolean then $4 else description end,
            metadata = coalesce($5::text::jsonb, metadata), updated_at = $6
      where id = $1`,
    [
      id,
      change.name ?? null,
      change.description !== undefined,
      change.description ?? null,
      change.metadata === undefined ? null : JSON.stringify(change.metadata),
      change.at,
    ],
  );
  return rowCount > 0;
}

/** Deletes a product; what hung on it stays. False when there is none. */
export async function deleteProduct(q: Queryable, id: number): Promise<boolean> {
  return (await q.query('delete from products where id = $1', [id])).rowCount > 0;
}
