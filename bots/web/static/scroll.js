// Keeps the newest text in view as it grows, unless the reader has scrolled up.

const NEAR_PX = 60;

export function followEnd(area, button) {
  let following = true;
  const toEnd = () => {
    following = true;
    area.scrollTop = area.scrollHeight;
    button.hidden = true;
  };
  area.addEventListener("scroll", () => {
    following = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR_PX;
    button.hidden = following;
  });
  button.addEventListener("click", toEnd);
  new ResizeObserver(() => following && toEnd()).observe(area);
  return { toEnd, stay: () => following && toEnd() };
}
