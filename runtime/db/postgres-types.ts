import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;

function numbers(list: unknown): unknown {
  if (Array.isArray(list)) return list.map(numbers);
  return list === null ? null : Number(list);
}

/**
 * How PostgreSQL's types arrive: as the driver does it (timestamptz → Date, bytea → Buffer, jsonb → value, numeric → string),
 * but bigint → number. Nothing of ours goes beyond 2^53.
 */
export const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    const standard = pg.types.getTypeParser(oid, format as 'text');
    if (format === 'binary') return standard;
    if (oid === INT8) return Number;
    if (oid === INT8_ARRAY) return (text: string) => numbers(standard(text));
    return standard;
  },
};
