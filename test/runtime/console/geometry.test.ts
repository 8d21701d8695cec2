import assert from 'node:assert/strict';
import {
  keepInside,
  moved,
  nearestOnEdge,
  type Point,
  polygonTrouble,
  rounded,
} from '../../../runtime/console/regions/geometry.ts';
import { polygonTrouble as serverTrouble } from '../../../runtime/fleet/polygon.ts';

const square: Point[] = [
  [0.2, 0.2],
  [0.6, 0.2],
  [0.6, 0.6],
  [0.2, 0.6],
];

describe('geometry of regions', () => {
  it('says of every shape what the server says of it', () => {
    const shapes: Point[][] = [
      square,
      [
        [0.1, 0.1],
        [0.9, 0.9],
      ],
      [
        [0.1, 0.1],
        [0.9, 0.9],
        [0.9, 0.1],
        [0.1, 0.9],
      ],
      [
        [0.1, 0.1],
        [0.5, 0.5],
        [0.9, 0.9],
      ],
      [
        [0.1, 0.1],
        [0.1, 0.1],
        [0.9, 0.1],
        [0.5, 0.9],
      ],
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0.5, 0],
        [0, 1],
      ],
      [
        [0, 0],
        [1, 0],
        [0.5, 0],
        [0.5, 1],
      ],
    ];
    for (const shape of shapes) {
      assert.equal(polygonTrouble(shape) === undefined, serverTrouble(shape) === undefined, JSON.stringify(shape));
    }
  });

  it('says of random shapes what the server says of them', () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return Math.round((seed / 2_147_483_647) * 8) / 8;
    };
    for (let round = 0; round < 2000; round += 1) {
      const shape = Array.from({ length: 3 + (round % 5) }, (): Point => [random(), random()]);
      assert.equal(polygonTrouble(shape) === undefined, serverTrouble(shape) === undefined, JSON.stringify(shape));
    }
  });

  it('refuses more points than the contract allows', () => {
    const circle = Array.from({ length: 33 }, (_, i): Point => {
      const angle = (i / 33) * 2 * Math.PI;
      return [0.5 + 0.4 * Math.cos(angle), 0.5 + 0.4 * Math.sin(angle)];
    });
    assert.equal(polygonTrouble(circle), 'many');
    assert.equal(polygonTrouble(circle.slice(1)), undefined);
  });

  it('moves a shape no further than the border', () => {
    assert.deepEqual(rounded(moved(square, 0.9, -0.9)), [
      [0.6, 0],
      [1, 0],
      [1, 0.4],
      [0.6, 0.4],
    ]);
  });

  it('snaps to the border when near, and stays where it is otherwise', () => {
    assert.deepEqual(
      [0.01, 0.995, 0.5, -3, 7].map((value) => keepInside(value, 0.02)),
      [0, 1, 0.5, 0, 1],
    );
    assert.equal(keepInside(0.001), 0.001);
  });

  it('finds the edge that was meant, in a wide picture too', () => {
    const near = nearestOnEdge(square, [0.59, 0.4], 16 / 9);
    assert.equal(near.edge, 1);
    assert.deepEqual(rounded([near.point]), [[0.6, 0.4]]);
    assert.equal(nearestOnEdge(square, [0.3, 0.61], 16 / 9).edge, 2);
  });
});
