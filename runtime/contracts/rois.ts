import { type Static, Type } from 'typebox';
import { ROI_NAME_PATTERN } from './ids.ts';

const point = Type.Tuple([Type.Number({ minimum: 0, maximum: 1 }), Type.Number({ minimum: 0, maximum: 1 })]);

/** A region of interest: a polygon in shares of the picture, 0..1 from the top left corner. */
export const Roi = Type.Object(
  {
    name: Type.String({ pattern: ROI_NAME_PATTERN }),
    kind: Type.Enum(['interaction', 'inventory', 'ignore']),
    points: Type.Array(point, { minItems: 3, maxItems: 32 }),
    threshold: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { title: 'Roi', additionalProperties: false },
);
export type Roi = Static<typeof Roi>;

/** The ROIs of a camera, as `PUT /cameras/{id}/rois` takes them; `version` guards against a lost update. */
export const RoiSet = Type.Object(
  { version: Type.Optional(Type.Integer({ minimum: 0 })), rois: Type.Array(Roi, { maxItems: 64 }) },
  { title: 'RoiSet', additionalProperties: false },
);
export type RoiSet = Static<typeof RoiSet>;

/** The ROI that stands for the whole picture where none was drawn. */
export const WHOLE_PICTURE: Roi = {
  name: 'frame',
  kind: 'interaction',
  points: [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ],
};

/** The ROIs of a camera that are in force. */
export const RoisAnswer = Type.Object({ version: Type.Integer(), rois: Type.Array(Roi) }, { title: 'RoisAnswer' });
export type RoisAnswer = Static<typeof RoisAnswer>;
