// The message field: grows with its text, Enter sends, and its button stops what is being written.

export class Composer {
  #live = false;

  constructor({ send, stop }) {
    this.form = document.getElementById("composer");
    this.field = document.getElementById("text");
    this.sendButton = document.getElementById("send");
    this.stopButton = document.getElementById("stop");
    this.trouble = document.getElementById("trouble");
    this.limit = Number(this.field.dataset.limit);
    this.onSend = send;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.field.addEventListener("input", () => this.#show());
    this.field.addEventListener("keydown", (event) => this.#key(event, stop));
    this.stopButton.addEventListener("click", () => {
      stop();
      this.focus();
    });
    this.#show();
  }

  set live(live) {
    if (live === this.#live) return;
    this.#live = live;
    this.#show();
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.#show();
  }

  focus() {
    this.field.focus();
  }

  complain(sentence) {
    this.trouble.textContent = sentence;
    this.trouble.hidden = !sentence;
  }

  #key(event, stop) {
    if (event.key === "Escape" && this.#live) stop();
    // While an input method is composing, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.field.value.trim();
    if (!text) return;
    const length = [...text].length;
    if (length > this.limit) {
      const most = this.limit.toLocaleString("en");
      this.complain(`The message has ${length.toLocaleString("en")} characters; at most ${most} can be sent.`);
      return;
    }
    this.field.value = "";
    this.#show();
    this.onSend(text);
  }

  #show() {
    const empty = !this.field.value.trim();
    this.stopButton.hidden = !(this.#live && empty);
    this.sendButton.hidden = !this.stopButton.hidden;
    this.sendButton.disabled = empty;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
