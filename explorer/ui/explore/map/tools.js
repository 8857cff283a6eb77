// The buttons below the map: pictures, classes, the whole map.

import { showAll } from './chart.js';
import { showClasses } from './names.js';

// `place(s)` draws the overlay again.
export function listenToTools(s, place) {
  const actions = {
    pictures: (button) => {
      s.wantsPictures = !s.wantsPictures;
      button.setAttribute('aria-pressed', s.wantsPictures);
      place(s);
    },
    classes: (button) => {
      const list = s.root.querySelector('.le-classes');
      list.hidden = !list.hidden;
      button.setAttribute('aria-expanded', !list.hidden);
      showClasses(s);
    },
    whole: () => showAll(s.chart),
  };
  for (const button of s.root.querySelectorAll('[data-do]'))
    button.addEventListener('click', () => actions[button.dataset.do](button));
}
