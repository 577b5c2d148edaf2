// Shows a hint beside a table that is wider than its frame.

/** Show the hint of each frame's panel while the frame can be scrolled to the right. */
export function hintOverflow(frames) {
  for (const frame of frames) {
    const hint = frame.closest(".panel").querySelector(".hint");
    const update = () => {
      hint.hidden = frame.scrollLeft + frame.clientWidth >= frame.scrollWidth - 1;
    };
    frame.addEventListener("scroll", update, { passive: true });
    const observer = new ResizeObserver(update);
    observer.observe(frame);
    observer.observe(frame.firstElementChild);
  }
}
