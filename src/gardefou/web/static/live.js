// Countdowns, and a page that shows something under way looks again by itself.
"use strict";
(() => {
  const say = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  };
  const busy = () => [...document.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue) || document.activeElement?.matches("input, textarea, select");
  const again = (after) => setTimeout(() => { if (!busy()) location.replace(location.pathname + location.search); }, after);

  // Moments are written in the reader's time zone: the server is told which it is.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

  // The server's clock counts, not this machine's.
  const skew = Date.parse(document.body.dataset.now) - Date.now();
  const clocks = [...document.querySelectorAll("time[data-countdown]")];
  if (clocks.length) {
    let over = false;
    const tick = () => {
      for (const clock of clocks) {
        const left = Math.max(0, Math.ceil((Date.parse(clock.dateTime) - Date.now() - skew) / 1000));
        clock.textContent = say(left);
        if (!left && !over) { over = true; if (clock.dataset.countdown === "reload") again(1500); }
      }
    };
    tick();
    setInterval(tick, 250);
  }
  const moving = document.querySelector("[data-moving]");
  if (moving) again(Number(moving.dataset.moving));
})();
