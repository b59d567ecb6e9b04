"use strict";
// Trying out a generator: sends the form as it is and shows the answer as it comes. What a model writes only ever
// becomes the text of a text node; the result is a part of the page, rendered by the server.
{
  const start = () => {
    const panel = document.getElementById("tryout");
    if (!panel) return;
    const go = document.getElementById("tryout-go");
    const stop = document.getElementById("tryout-stop");
    const status = document.getElementById("tryout-status");
    const live = document.getElementById("tryout-live");
    const result = document.getElementById("tryout-result");
    let controller = null;

    const say = (text) => (status.textContent = text);
    const showLive = (isShown) => (live.hidden = !isShown);

    const working = (isWorking) => {
      const hadFocus = [go, stop].includes(document.activeElement);
      go.hidden = isWorking;
      stop.hidden = !isWorking;
      if (hadFocus) (isWorking ? stop : go).focus();
    };

    const finish = (html) => {
      showLive(false);
      result.innerHTML = html;
      say("");
    };

    // Whether the end came.
    const follow = async (body) => {
      for await (const { name, data } of window.eventsIn(body)) {
        if (name === "text") {
          showLive(true);
          live.append(data.text);
        } else if (name === "again") {
          live.replaceChildren();
          say(panel.dataset.again);
        } else if (name === "end") {
          finish(data.html);
          return true;
        }
      }
      return false;
    };

    const ask = async (signal) => {
      const request = { method: "POST", body: new FormData(panel.closest("form")), signal };
      const response = await fetch(panel.dataset.stream, request);
      const type = response.headers.get("Content-Type") ?? "";
      if (type.startsWith("text/event-stream")) {
        if (!(await follow(response.body))) say(panel.dataset.lost);
      } else if (response.headers.has("X-Tryout")) {
        finish(await response.text());
      } else {
        say(panel.dataset.refused);
      }
    };

    go.addEventListener("click", async (event) => {
      event.preventDefault();
      if (controller) return;
      controller = new AbortController();
      const { signal } = controller;
      live.replaceChildren();
      result.replaceChildren();
      say(panel.dataset.running);
      working(true);
      try {
        await ask(signal);
      } catch {
        say(signal.aborted ? panel.dataset.stopped : panel.dataset.lost);
      }
      controller = null;
      working(false);
    });
    stop.addEventListener("click", () => controller?.abort());
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
