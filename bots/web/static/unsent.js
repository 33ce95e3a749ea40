// What was written and not sent when the sign-in ended: kept by this tab until the field has it again.
const KEY = "outrider-unsent";

export function keepUnsent(texts) {
  const text = texts.filter((one) => one.trim()).join("\n\n");
  try {
    if (text) sessionStorage.setItem(KEY, text);
  } catch {
    // A browser that keeps nothing.
  }
}

export function takeUnsent() {
  try {
    const text = sessionStorage.getItem(KEY) ?? "";
    sessionStorage.removeItem(KEY);
    return text;
  } catch {
    return "";
  }
}
