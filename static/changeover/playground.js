"use strict";
// The playground: sends each message with the conversation so far, and shows the answer as it comes. What a model
// writes only ever becomes the text of a text node.
{
  const form = document.getElementById("playground");
  const { message, config } = form.elements;
  const send = document.getElementById("send");
  const stop = document.getElementById("stop");
  const status = document.getElementById("status");
  const NEAR_THE_END_PX = 120;

  const clone = (name) => {
    const bubble = document.getElementById(`bubble-${name}`).content.firstElementChild.cloneNode(true);
    bubble.querySelectorAll("[data-copy]").forEach((button) => (button.hidden = false));
    return bubble;
  };

  const followed = (change) => {
    const page = document.documentElement;
    const isAtEnd = page.scrollHeight - window.innerHeight - window.scrollY < NEAR_THE_END_PX;
    change();
    if (isAtEnd) window.scrollTo(0, page.scrollHeight);
  };

  class Column {
    constructor(section) {
      this.section = section;
      this.chat = section.querySelector("[data-chat]");
      this.field = form.elements[section.dataset.column];
    }

    show(bubble) {
      followed(() => this.chat.append(bubble));
      return bubble;
    }

    clear() {
      this.chat.replaceChildren();
      this.field.value = "[]";
    }

    remember(question, answer) {
      const turns = JSON.parse(this.field.value);
      turns.push({ role: "user", text: question }, { role: "assistant", text: answer });
      this.field.value = JSON.stringify(turns);
    }

    fail({ message, cause = "" }) {
      const bubble = clone("failure");
      bubble.querySelector("[data-message]").textContent = message;
      bubble.querySelector("[data-cause]").textContent = cause;
      this.show(bubble);
    }

    // Whether there was an answer, if only the beginning of one.
    async ask(question, { configId, signal }) {
      const asked = clone("user");
      asked.querySelector(".text").textContent = question;
      this.show(asked);
      const bubble = clone("assistant");
      const text = document.createTextNode("");
      bubble.querySelector(".text").append(text);
      bubble.querySelector(".text").classList.add("caret");
      this.show(bubble);
      this.chat.setAttribute("aria-busy", "true");
      try {
        await this.read(question, { configId, signal, bubble, text });
      } catch (error) {
        if (signal.aborted) bubble.querySelector("[data-note]").textContent = form.dataset.stopped;
        else this.fail({ message: form.dataset.lost });
      }
      bubble.querySelector(".text").classList.remove("caret");
      this.chat.setAttribute("aria-busy", "false");
      if (text.data) this.remember(question, text.data);
      else bubble.remove();
      return Boolean(text.data);
    }

    async read(question, { configId, signal, bubble, text }) {
      const body = new FormData(form);
      body.set("message", question);
      body.set("turns", this.field.value);
      body.delete("beside");
      if (configId) body.set("config", configId);
      else body.delete("config");
      const response = await fetch(form.dataset.stream, { method: "POST", body, signal });
      const type = response.headers.get("Content-Type") ?? "";
      if (type.startsWith("application/json")) return this.fail(await response.json());
      if (!type.startsWith("text/event-stream")) return this.fail({ message: form.dataset.refused });
      let hasEnded = false;
      for await (const { name, data } of window.eventsIn(response.body)) {
        if (name === "text") followed(() => text.appendData(data.text));
        if (name === "again") text.data = "";
        if (name === "end") {
          bubble.querySelector("[data-about]").textContent = data.about;
          bubble.querySelector("[data-note]").textContent = data.note;
        }
        if (name === "error") this.fail(data);
        hasEnded = name === "end" || name === "error";
      }
      if (!hasEnded) this.fail({ message: form.dataset.lost });
    }
  }

  const main = new Column(form.querySelector('[data-column="turns"]'));
  const besideSection = form.querySelector('[data-column="beside"]');
  const beside = besideSection && new Column(besideSection);
  let controller = null;

  const working = (isWorking) => {
    const hadFocus = document.activeElement === stop;
    stop.hidden = !isWorking;
    send.hidden = isWorking;
    if (config) config.disabled = isWorking;
    if (hadFocus && !isWorking) message.focus();
  };

  const submit = async () => {
    const question = message.value;
    if (!question.trim() || controller) return;
    controller = new AbortController();
    const { signal } = controller;
    document.getElementById("problem")?.remove();
    message.removeAttribute("aria-invalid");
    message.value = "";
    status.textContent = form.dataset.answering;
    const configId = config?.value ?? "";
    working(true);
    const asked = [main.ask(question, { configId: "", signal })];
    if (configId) asked.push(beside.ask(question, { configId, signal }));
    const answered = await Promise.all(asked);
    controller = null;
    working(false);
    if (!answered.includes(true) && !message.value) message.value = question;
    if (signal.aborted) status.textContent = form.dataset.stopped;
    else status.textContent = answered.every(Boolean) ? form.dataset.complete : "";
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  message.addEventListener("keydown", (event) => {
    // isComposing: Enter ends the composition of a syllable.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  stop.addEventListener("click", () => controller?.abort());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") controller?.abort();
  });
  config?.addEventListener("change", () => {
    const title = config.value ? config.selectedOptions[0].text : "";
    beside.clear();
    besideSection.hidden = !config.value;
    besideSection.setAttribute("aria-label", title);
    besideSection.querySelector("[data-title]").textContent = title;
  });
}
