// Says of a table that is wider than its frame that there is more to the right.

/** Show the hint of each frame's panel while the frame can be scrolled further. */
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
