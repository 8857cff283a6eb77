// Tests the modules of the Explore page that need no DOM.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  apart,
  norms,
  playbackShare,
  plot,
  plotX,
  shareOf,
} from '../../explorer/ui/explore/lanes/path_plot.js';
import { emptiestCorner } from '../../explorer/ui/explore/map/hint.js';
import { thinned } from '../../explorer/ui/explore/map/thumbnails.js';
import * as grid from '../../explorer/ui/explore/moves/grid.js';
import { posteriorPlot } from '../../explorer/ui/explore/own_image/posterior_plot.js';
import { requestQueue } from '../../explorer/ui/explore/own_image/requests.js';
import * as films from '../../explorer/ui/explore/stage/films.js';

test('all films are valid if z is at their centre', () => {
  const z = Float32Array.of(0.5, -1, 2);
  for (const dim of [0, 1, 2]) assert.ok(films.isFilmValid(z, z, dim));
});

test('after a move along one dimension only the film of that dimension is valid', () => {
  const filmZ = Float32Array.of(0.5, -1, 2);
  const z = Float32Array.of(0.5, 0, 2);
  assert.deepEqual(
    [0, 1, 2].map((dim) => films.isFilmValid(z, filmZ, dim)),
    [false, true, false],
  );
});

test('after moves along two dimensions no film is valid', () => {
  const filmZ = Float32Array.of(0, 0, 0);
  const z = Float32Array.of(1, 1, 0);
  assert.deepEqual(films.differingDims(z, filmZ), [0, 1]);
  for (const dim of [0, 1, 2]) assert.ok(!films.isFilmValid(z, filmZ, dim));
});

test('a z that was read off the map is approximate until it is moved', () => {
  const packet = { approximate: true, z: Float32Array.of(1, 2) };
  assert.equal(films.isApproximate(Float32Array.of(1, 2), packet), true);
  assert.equal(films.isApproximate(Float32Array.of(1, 0), packet), false);
  assert.equal(films.isApproximate(packet.z, { ...packet, approximate: false }), false);
});

test('each slider has its own values', () => {
  const packet = { n_frames: 3, values: Float32Array.of(0, 1, 2, 10, 11, 12) };
  assert.deepEqual([...films.filmValues(packet, 1)], [10, 11, 12]);
});

test('a slider names the trait that it follows, if it follows one', () => {
  assert.equal(films.followedText(['slant', 0.876]), 'slant .88');
  assert.equal(films.followedText(['x', 0.999]), 'x 1.00');
  assert.equal(films.followedText(null), '');
  assert.equal(films.dimensionText(4, ['slant', 0.876]), 'z4 (slant)');
  assert.equal(films.dimensionText(10, null), 'z10');
});

test('parsing a gallery row', () => {
  assert.equal(films.parseRow('12'), 12);
  assert.equal(films.parseRow('12.9'), 12);
  assert.equal(films.parseRow('0'), 0);
  for (const text of ['', '-1', 'x']) assert.equal(films.parseRow(text), null, text);
});

test('parsing a value of z', () => {
  assert.equal(films.parseValue('-1.5'), -1.5);
  assert.equal(films.parseValue('0'), 0);
  for (const text of ['', 'x', 'Infinity']) assert.equal(films.parseValue(text), null, text);
});

test('number formats of the stage', () => {
  assert.equal(films.klText(0.004), '.00');
  assert.equal(films.klText(0.996), '1.0');
  assert.equal(films.supportText(0.004), 'support < .01, far from the data');
  assert.equal(films.supportText(0.5), 'support 0.50');
  assert.equal(films.supportText(null), '');
  assert.equal(films.supportText(Number.NaN), '');
  assert.equal(films.normText(Float32Array.of(3, 4)), '|z| 5.00 (prior 1.4)');
});

test('the posterior band is clipped to the slider', () => {
  assert.deepEqual(films.posteriorBand([0, 1], -2, 2), [0.25, 0.5]);
  assert.deepEqual(films.posteriorBand([3.5, 1.5], -4, 4), [0.75, 0.25]);
});

const PAD = { side: 11, span: 2.5 };

test('the pad: corners, middle and positions beyond the edge', () => {
  assert.equal(grid.columnOf(-2.5, PAD), 0);
  assert.equal(grid.columnOf(0, PAD), 5);
  assert.equal(grid.columnOf(2.5, PAD), 10);
  assert.equal(grid.shareOnPad(0, PAD), 0.5);
  assert.equal(grid.frameAtCell(0, 0, 11), 0);
  assert.equal(grid.frameAtCell(10.9, 10.9, 11), 120);
  assert.equal(grid.frameAtCell(-5, 99, 11), 110);
});

test('arrow keys on the pad move one frame and stop at the edge', () => {
  const middle = 5 * 11 + 5;
  const go = (point, key) => grid.frameAfterArrow(point, grid.ARROWS[key], PAD);
  assert.equal(go([0, 0], 'ArrowUp'), middle - 11);
  assert.equal(go([0, 0], 'ArrowDown'), middle + 11);
  assert.equal(go([0, 0], 'ArrowRight'), middle + 1);
  assert.equal(go([0, 0], 'ArrowLeft'), middle - 1);
  assert.equal(go([2.5, 2.5], 'ArrowUp'), 10);
});

test('playback goes back and forth', () => {
  const shares = [0, 1000, 2000, 3000, 4000].map(playbackShare);
  assert.deepEqual(shares, [0, 0.5, 1, 0.5, 0]);
});

test('a path may reach beyond its ends', () => {
  const times = Float32Array.of(-0.5, 0.5, 1.5);
  assert.deepEqual(
    [0, 1, 2].map((i) => shareOf(times, i)),
    [0, 0.5, 1],
  );
});

test('the plot of a path: a curve for each lane over the full width, and a line at sqrt(D)', () => {
  const curves = [
    { name: 'lerp', values: [0, 1, 0.5] },
    { name: 'slerp', values: [1, 1, 1] },
  ];
  const mark = { value: 0.5, name: 'half' };
  const svg = plot(curves, [0, 0.5, 1], { low: 0, high: 1, mark, width: 274, height: 114, labelPx: 13 });
  assert.match(svg, /<path class="c-lerp" d="M34\.0 108\.0L134\.0 8\.0L234\.0 58\.0"\/>/);
  assert.match(svg, /<path class="c-slerp" d="M34\.0 8\.0L134\.0 8\.0L234\.0 8\.0"\/>/);
  assert.match(svg, /<line class="mark" x1="34" x2="234" y1="58" y2="58"\/>/);
  assert.equal(plotX(0.5, 274), 134);
});

test('the name of the line at sqrt(D) stands over everything that crosses it', () => {
  const curves = [{ name: 'lerp', values: [0, 1] }];
  const mark = { value: 0.5, name: 'half' };
  const svg = plot(curves, [0, 1], { low: 0, high: 1, mark, width: 274, height: 114, labelPx: 13 });
  assert.match(svg, /class="on-top">half<\/text>$/);
});

test('the hint stands in the corner with the fewest points, and not over a name', () => {
  const area = { left: 0, top: 0, width: 400, height: 400 };
  const cornerOf = (points) => {
    const { left, top } = emptiestCorner(points, area, [100, 40]);
    return [left < 200 ? 'left' : 'right', top < 200 ? 'top' : 'bottom'];
  };
  const name = [60, 360, 100];
  const two = [
    [60, 30, 1],
    [70, 30, 1],
  ];
  assert.deepEqual(cornerOf([]), ['left', 'bottom']);
  assert.deepEqual(cornerOf([name]), ['left', 'top']);
  assert.deepEqual(cornerOf([name, ...two]), ['right', 'bottom']);
  assert.deepEqual(cornerOf([name, ...two, [350, 360, 1], [350, 30, 2]]), ['right', 'bottom']);
});

test('the names at the ends of two curves do not overlap', () => {
  assert.deepEqual(apart([10, 40], 13), [10, 40]);
  assert.deepEqual(apart([20, 20], 13), [13.5, 26.5]);
  assert.deepEqual(apart([22, 20], 13), [27.5, 14.5]);
});

test('the norms of the points of a film', () => {
  assert.deepEqual([...norms(Float32Array.of(3, 4, 0, 0, 6, 8), 2)], [5, 0, 10]);
});

test('thinned pictures do not overlap, and the first of a crowd stays', () => {
  const points = Array.from({ length: 400 }, (_, i) => [(i * 37) % 200, (i * 91) % 150, i]);
  const kept = thinned(points, 30);
  assert.equal(kept[0], points[0]);
  for (const [i, a] of kept.entries())
    for (const b of kept.slice(i + 1)) assert.ok(Math.abs(a[0] - b[0]) >= 30 || Math.abs(a[1] - b[1]) >= 30);
  assert.ok(kept.length > 15);
});

test('the posterior of an image: a bar for each dimension, none without an image', () => {
  assert.equal(posteriorPlot([], new Float32Array()), '');
  const svg = posteriorPlot([3, 7], Float32Array.of(0, 1, 100, 1));
  assert.equal(svg.match(/class="sigma"/g).length, 2);
  assert.match(svg, /y1="40" y2="24".*>z3</);
  assert.match(svg, />z7</);
  assert.match(svg, /y1="0" y2="0"/); // beyond 4: at the edge
});

// A queue, and the requests and events that it has produced.
function queue(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent = [];
  const events = { lost: 0, changes: 0 };
  const requests = requestQueue({
    send: ({ seq, kind, data }) => sent.push([seq, kind, data]),
    onChange: () => events.changes++,
    onLost: () => events.lost++,
  });
  return { requests, sent, events };
}

test('one image is sent at a time, and only the newest of those waiting', (t) => {
  const { requests, sent } = queue(t);
  for (const data of ['1', '2', '3']) requests.ask({ kind: 'image', data });
  assert.deepEqual(sent, [[1, 'image', '1']]);
  requests.acknowledge(1);
  requests.sendNext();
  assert.deepEqual(sent.slice(1), [[2, 'image', '3']]);
});

test('a cleared drawing replaces a waiting image; settings keep their position', (t) => {
  const { requests, sent } = queue(t);
  for (const kind of ['image', 'see', 'image', 'clear']) requests.ask({ kind });
  for (const ack of [1, 2, 3]) {
    requests.acknowledge(ack);
    requests.sendNext();
  }
  assert.deepEqual(
    sent.map(([, kind]) => kind),
    ['image', 'see', 'clear'],
  );
  assert.equal(requests.isBusy(), false);
});

test('a request without an answer is sent four times and given up, then the next is sent', (t) => {
  const { requests, sent, events } = queue(t);
  requests.ask({ kind: 'image' });
  requests.ask({ kind: 'explore' });
  t.mock.timers.tick(5000);
  t.mock.timers.tick(5000);
  t.mock.timers.tick(5000);
  assert.deepEqual(
    sent.map(([seq]) => seq),
    [1, 1, 1, 1],
  );
  t.mock.timers.tick(5000);
  assert.equal(events.lost, 1);
  assert.deepEqual(sent.at(-1).slice(0, 2), [2, 'explore']);
});

test('a late ack of an older request does not complete the newer one', (t) => {
  const { requests, sent } = queue(t);
  requests.acknowledge(4); // from before the page was reloaded
  requests.ask({ kind: 'image' });
  assert.equal(sent[0][0], 5);
  requests.acknowledge(4);
  assert.ok(requests.isBusy());
});
