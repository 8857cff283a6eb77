// Loads a picture file that is chosen, dropped or pasted. The file is sent unchanged; the pad shows what the
// server makes of it, which is what the model sees.

import { clearDrawing } from './drawing.js';
import { showMessage } from './result.js';

const MAX_FILE_BYTES = 5e6;

export function loadFile(s, file) {
  if (!file) return;
  clearDrawing(s);
  if (file.size > MAX_FILE_BYTES) {
    const size = (file.size / 1e6).toFixed(1);
    const message = `The file has ${size} MB; 5 MB are the most. Make the picture smaller and try again.`;
    return showMessage(s, message);
  }
  s.file = file;
  s.$('.hint').hidden = true;
  s.$('.file span').textContent = file.name;
  const reader = new FileReader();
  reader.onload = () => {
    if (s.file === file) s.requests.ask({ kind: 'image', data: reader.result.split(',')[1] ?? '' });
  };
  reader.onerror = () => showMessage(s, 'The file cannot be read. Choose another one.');
  reader.readAsDataURL(file);
}

export function listenToFiles(s) {
  const field = s.$('[type=file]');
  const mark = (isOver) => s.$('.pad').classList.toggle('over', isOver);
  field.addEventListener('change', () => {
    loadFile(s, field.files[0]);
    field.value = '';
  });
  s.card.addEventListener('dragover', (e) => {
    e.preventDefault();
    mark(true);
  });
  s.card.addEventListener('dragleave', () => mark(false));
  s.card.addEventListener('drop', (e) => {
    e.preventDefault();
    mark(false);
    loadFile(s, e.dataTransfer.files[0]);
  });
}
