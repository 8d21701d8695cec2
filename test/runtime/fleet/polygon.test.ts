import assert from 'node:assert/strict';
import { type Point, polygonTrouble } from '../../../runtime/fleet/polygon.ts';

describe('polygon', () => {
  const good: [string, Point[]][] = [
    [
      'a triangle',
      [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
    ],
    [
      'the whole picture',
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
      ],
    ],
    [
      'the other way round',
      [
        [0, 1],
        [1, 1],
        [1, 0],
        [0, 0],
      ],
    ],
    [
      'a concave one',
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0.5, 0.2],
        [0, 1],
      ],
    ],
    [
      'one with a corner on a straight edge',
      [
        [0, 0],
        [0.5, 0],
        [1, 0],
        [1, 1],
      ],
    ],
    [
      'one that names its first corner again at the end',
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 0],
      ],
    ],
    [
      'a small one',
      [
        [0.5, 0.5],
        [0.51, 0.5],
        [0.51, 0.51],
        [0.5, 0.51],
      ],
    ],
  ];
  for (const [what, points] of good) {
    it(`takes ${what}`, () => {
      assert.equal(polygonTrouble(points), undefined);
    });
  }

  const bad: [string, Point[], RegExp][] = [
    [
      'a line',
      [
        [0, 0],
        [0.5, 0.5],
        [1, 1],
      ],
      /area|cross/,
    ],
    [
      'one point three times',
      [
        [0.5, 0.5],
        [0.5, 0.5],
        [0.5, 0.5],
      ],
      /three different/,
    ],
    [
      'two points',
      [
        [0, 0],
        [1, 1],
        [0, 0],
      ],
      /three different/,
    ],
    [
      'a bow tie',
      [
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
      ],
      /cross/,
    ],
    [
      'a star',
      [
        [0.5, 0],
        [0.8, 1],
        [0, 0.4],
        [1, 0.4],
        [0.2, 1],
      ],
      /cross/,
    ],
    [
      'a spike',
      [
        [0, 0],
        [1, 0],
        [0.5, 0],
        [0.5, 1],
      ],
      /cross/,
    ],
    [
      'two triangles that share a corner',
      [
        [0, 0],
        [0.5, 0.5],
        [0, 1],
        [1, 1],
        [0.5, 0.5],
        [1, 0],
      ],
      /cross/,
    ],
    [
      'a corner that touches another edge',
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0.5, 0],
        [0, 1],
      ],
      /cross/,
    ],
    [
      'a hair',
      [
        [0, 0],
        [1, 0],
        [1, 0.0000001],
      ],
      /area/,
    ],
  ];
  for (const [what, points, reason] of bad) {
    it(`refuses ${what}`, () => {
      assert.match(polygonTrouble(points) ?? '', reason);
    });
  }
});
