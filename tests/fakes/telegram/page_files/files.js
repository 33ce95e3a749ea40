// A file that somebody picked, in base64.

export function encoded(file) {
  return new Promise((done) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result.split(",", 2)[1] ?? "")
    reader.readAsDataURL(file)
  })
}
