/** Opened as a file, the page says what it needs in place of offering what cannot work. Browsers load
 * no modules there, so this is none; it stands below what it hides, so that nobody sees that first.
 */
if (location.protocol === "file:") {
  for (const [id, isHidden] of /** @type {[string, boolean][]} */ ([["from-file", false], ["lead", true], ["add", true]])) {
    document.getElementById(id)?.toggleAttribute("hidden", isHidden);
  }
}
