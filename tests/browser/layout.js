// Measures the layout of the page: small or cut text, overlaps, small touch targets, uneven controls.
// tests/browser/layout.py injects it into the page.
window.__layout = (() => {
  const SMALLEST_PX = 13;
  const TARGET_PX = 44;
  const LINE_PX = 60; // a scrolling box that is lower than this is a line of text
  const SLACK_PX = 1;
  const CONTROLS = 'button, a[href], select, input:not([type=hidden]), [role=tab], [role=slider], summary';
  // What frames a field of a Streamlit widget.
  const FRAMES =
    '.react-aria-ComboBox, [data-testid=stNumberInputContainer], [data-testid=stTextInputRootElement]';
  // Controls of their own height: tabs, pictures, values in rows of a table, switches in a heading, help,
  // names of columns and entries of a list.
  const NO_CONTROLS = [
    '[role=tab], .item, .row, .planes, .le-examples, .le-column-name, .le-steps, .stMultiSelect',
    '[aria-label=Help]',
  ].join();
  // Parts that belong on top of others.
  const LAYERS = /^(map-overlay|anchor-[abc]|pane-.*|st[A-Z].*)$/;

  function* elements(root = document.body) {
    for (const element of root.querySelectorAll('*')) {
      yield element;
      if (element.shadowRoot) yield* elements(element.shadowRoot);
    }
  }

  const parent = (element) => element.parentElement ?? element.getRootNode().host ?? null;

  function contains(outer, inner) {
    for (let e = inner; e; e = parent(e)) if (e === outer) return true;
    return false;
  }

  // The part of an element's box that no ancestor clips.
  function visibleBox(element) {
    const box = element.getBoundingClientRect();
    let { left, top, right, bottom } = box;
    for (let e = parent(element); e && e !== document.documentElement; e = parent(e)) {
      const style = getComputedStyle(e);
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const clip = e.getBoundingClientRect();
      left = Math.max(left, clip.left);
      right = Math.min(right, clip.right);
      top = Math.max(top, clip.top);
      bottom = Math.min(bottom, clip.bottom);
    }
    return { left, top, right, bottom, width: right - left, height: bottom - top };
  }

  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  function name(element) {
    const id =
      element.dataset?.testid ??
      element.getAttribute('aria-label') ??
      element.className?.baseVal ??
      element.className;
    const text = (element.innerText ?? element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 40);
    return `<${element.localName} ${id}> ${text}`;
  }

  const ownText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());

  const isScreenReaderOnly = (box) => box.width <= 1 || box.height <= 1;

  function smallText() {
    const found = [];
    for (const element of elements()) {
      if (!ownText(element) || !isShown(element) || isScreenReaderOnly(visibleBox(element))) continue;
      if (['SCRIPT', 'STYLE', 'OPTION', 'TITLE'].includes(element.tagName.toUpperCase())) continue;
      const isScript = element.closest('sub, sup, :is(msub, msup, msubsup, munder) > :nth-child(n + 2)');
      const size = Number.parseFloat(getComputedStyle(element).fontSize);
      if (size < SMALLEST_PX * (isScript ? 0.7 : 1) - 0.01)
        found.push(`${size.toFixed(1)} px ${name(element)}`);
    }
    return found;
  }

  function cutText() {
    const found = [];
    for (const element of elements()) {
      if (!ownText(element) || !isShown(element) || element instanceof SVGElement) continue;
      const box = element.getBoundingClientRect();
      if (isScreenReaderOnly(box) || element.closest('.js-plotly-plot')) continue;
      const style = getComputedStyle(element);
      const isClipped = style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + SLACK_PX;
      const range = document.createRange();
      range.selectNodeContents(element);
      const text = range.getBoundingClientRect();
      const shown = visibleBox(element);
      const isOut =
        text.right > Math.min(shown.right, innerWidth) + 2 || text.left < Math.max(shown.left, 0) - 2;
      const scrolls = [...ancestors(element)].some((e) =>
        ['auto', 'scroll'].includes(getComputedStyle(e).overflowX),
      );
      if (isClipped || (isOut && !scrolls && style.display !== 'inline')) found.push(name(element));
    }
    return found;
  }

  // Fields whose value is longer than the field, and lines of text that scroll because they have wrapped.
  function cutValues() {
    const isCut = (e) =>
      e.matches('input:is([type=text], [type=number], [role=combobox])')
        ? e.scrollWidth > e.clientWidth + SLACK_PX
        : ['auto', 'scroll'].includes(getComputedStyle(e).overflowY) &&
          e.clientHeight < LINE_PX &&
          e.scrollHeight > e.clientHeight + SLACK_PX;
    return [...elements()]
      .filter((e) => isShown(e) && !isScreenReaderOnly(e.getBoundingClientRect()) && isCut(e))
      .map((e) => `${name(e)} ${e.value ?? ''}`);
  }

  function* ancestors(element) {
    for (let e = parent(element); e && e !== document.documentElement; e = parent(e)) yield e;
  }

  function parts() {
    const found = [];
    for (const element of elements()) {
      const id = element.dataset?.testid;
      const isPart = id
        ? !LAYERS.test(id) || (id.startsWith('st') && element.matches(CONTROLS))
        : element.matches(CONTROLS);
      if (!isPart || !isShown(element)) continue;
      if (element.closest('.js-plotly-plot, dialog:not([open]), [data-testid=stPopoverBody]')) continue;
      const box = visibleBox(element);
      if (isScreenReaderOnly(box)) continue;
      found.push({ element, box });
    }
    return found;
  }

  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;

  function overlaps() {
    const all = parts();
    const found = [];
    all.forEach((a, i) => {
      for (const b of all.slice(i + 1)) {
        if (!overlap(a.box, b.box) || contains(a.element, b.element) || contains(b.element, a.element))
          continue;
        found.push(`${name(a.element)} over ${name(b.element)}`);
      }
    });
    return found;
  }

  function smallTargets() {
    return parts()
      .filter(({ element }) => element.matches(CONTROLS) && !element.disabled)
      .map(({ element }) => ({ element, box: (element.closest('label') ?? element).getBoundingClientRect() }))
      .filter(({ box }) => box.width < TARGET_PX - 0.5 || box.height < TARGET_PX - 0.5)
      .map(({ element, box }) => `${box.width.toFixed(0)} x ${box.height.toFixed(0)} ${name(element)}`);
  }

  function controlPx() {
    const ruler = document.body.appendChild(document.createElement('div'));
    ruler.style.height = 'var(--le-control)';
    const { height } = ruler.getBoundingClientRect();
    ruler.remove();
    return height;
  }

  function unevenControls() {
    const expected = controlPx();
    return [...elements()]
      .filter((e) => e.matches('button, select, input:is([type=text], [type=number])') && isShown(e))
      .filter((e) => !e.closest(NO_CONTROLS) && !isScreenReaderOnly(visibleBox(e)))
      .map((e) => e.closest(FRAMES) ?? e)
      .map((e) => ({ element: e, height: e.getBoundingClientRect().height }))
      .filter(({ height }) => Math.abs(height - expected) > SLACK_PX)
      .map(({ element, height }) => `${height.toFixed(1)} for ${expected.toFixed(1)} px ${name(element)}`);
  }

  const scrollsSideways = () =>
    [document.documentElement, ...elements()]
      .filter(
        (e) => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || e === document.documentElement,
      )
      .filter((e) => e.scrollWidth > e.clientWidth + SLACK_PX)
      .map(name);

  return { smallText, cutText, cutValues, overlaps, smallTargets, unevenControls, scrollsSideways };
})();
