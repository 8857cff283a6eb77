// The keys of a lecture.

import { hasModifier, isTyping } from '../../wire/page.js';

const PAGE_KEYS = { PageDown: 'next', PageUp: 'back' };
const ARROWS = { ArrowRight: 'next', ArrowDown: 'next', ArrowLeft: 'back', ArrowUp: 'back' };
const CONTROLS = 'input, button, a, summary, select, textarea, [tabindex], [role=tab], [role=option]';
const PAGES_ITSELF = 'textarea, select, [role=listbox], [role=option], [role=combobox]';
const REGIONS = '.stMain, .stAppViewContainer'; // which Streamlit makes focusable; they are no controls

// The name of a key's action, or undefined. Arrows count where no control has the focus; the buttons inside
// `bar` are none for them.
export function actionOf(event, isBlack, bar) {
  if (hasModifier(event) || event.shiftKey) return undefined;
  const target = event.composedPath()[0];
  if (event.key in PAGE_KEYS) return target.matches?.(PAGES_ITSELF) ? undefined : PAGE_KEYS[event.key];
  if (event.key === '.' && !isTyping(event)) return 'black';
  if (event.key === 'Escape' && isBlack) return 'black';
  const isControl = target.matches?.(CONTROLS) && !target.matches(REGIONS) && !bar.contains(target);
  return isControl ? undefined : ARROWS[event.key];
}
