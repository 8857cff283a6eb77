// Canvases that follow the size of the page.

// Fits a canvas to its size on the screen and clears it: {context, width, height} in CSS pixels.
export function fitted(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// Calls `draw` whenever one of the elements changes its size, or the colour scheme changes.
export function onResize(s, elements, draw) {
  const observer = new ResizeObserver(() => s.packet && draw());
  for (const element of elements) observer.observe(element);
  s.ends.push(() => observer.disconnect());
}
