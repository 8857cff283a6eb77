// A queue that sends one request at a time. A new request replaces a waiting one of the same kind; the next
// is sent when the server has acknowledged the last. Needs no DOM.

const REQUEST_TIMEOUT_MS = 5000;
const MAX_REQUEST_TRIES = 4;

const kindOf = (request) => (request.kind === 'clear' ? 'image' : request.kind);

// Callbacks: `send(request)` sends it to the server; `onChange()` is called when the queue changes,
// `onLost()` when a request gets no answer.
export function requestQueue({ send, onChange, onLost }) {
  const queue = { seq: 0, waiting: [], inFlight: null, tries: 0, timer: 0 };
  const post = () => {
    clearTimeout(queue.timer);
    if (!queue.inFlight) return;
    if (queue.tries++ === MAX_REQUEST_TRIES) {
      queue.inFlight = null;
      onLost();
      return sendNext();
    }
    send(queue.inFlight);
    queue.timer = setTimeout(post, REQUEST_TIMEOUT_MS);
  };
  const sendNext = () => {
    if (!queue.inFlight && queue.waiting.length) {
      queue.inFlight = { ...queue.waiting.shift(), seq: ++queue.seq };
      queue.tries = 0;
      post();
    }
    onChange();
  };
  queue.isBusy = () => Boolean(queue.inFlight || queue.waiting.length);
  queue.ask = (request) => {
    queue.waiting = [...queue.waiting.filter((r) => kindOf(r) !== kindOf(request)), request];
    sendNext();
  };
  queue.acknowledge = (ack) => {
    queue.seq = Math.max(queue.seq, ack);
    if (queue.inFlight && ack >= queue.inFlight.seq) queue.inFlight = null;
  };
  queue.sendNext = sendNext;
  queue.stop = () => clearTimeout(queue.timer);
  return queue;
}
