// Keeps the words about time true on a page that nobody writes anew, and adds what needs a script. Without it, the page
// says all it has to say.
(() => {
  const { checked, written } = document.body.dataset;
  const seconds = (time) => (Date.now() - Date.parse(time)) / 1000;
  const counted = (count, unit) => `${count} ${unit}${count === 1 ? '' : 's'}`;
  const lasting = (age) => {
    const minutes = Math.floor(age / 60);
    if (minutes < 1) return 'less than a minute';
    const parts = [
      [Math.floor(minutes / 1440), 'day'],
      [Math.floor(minutes / 60) % 24, 'hour'],
      [minutes % 60, 'minute'],
    ];
    const first = parts.findIndex(([count]) => count > 0);
    const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
    return shown.map(([count, unit]) => counted(count, unit)).join(' ');
  };

  const later = [...document.querySelectorAll('template[data-after]')];
  const still = document.getElementById('still');
  const tick = () => {
    for (const span of document.querySelectorAll('[data-ago]')) {
      span.textContent = `${lasting(seconds(span.dataset.ago))} ago`;
    }
    const due = later.findLast(({ dataset }) => seconds(checked) >= Number(dataset.after));
    if (due !== undefined && document.body.dataset.verdict !== due.dataset.verdict) {
      document.body.dataset.verdict = due.dataset.verdict;
      document.getElementById('banner').replaceChildren(due.content.cloneNode(true));
      document.title = `ClamAV mirror: ${due.dataset.verdict}`;
    }
    still.hidden = seconds(written) < Number(still.dataset.after);
    still.querySelector('[data-still]').textContent = `it was written ${lasting(seconds(written))} ago`;
  };
  document.getElementById('clock').remove();
  tick();
  setInterval(tick, 30_000);

  const here = location.href.replace(/[?#].*$/, '').replace(/\/[^/]*$/, '');
  if (/^https?:/.test(here)) {
    for (const span of document.querySelectorAll('[data-mirror]')) span.textContent = here;
    for (const note of document.querySelectorAll('[data-without]')) note.remove();
  }

  if (navigator.clipboard !== undefined) {
    for (const code of document.querySelectorAll('.copy')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = 'Copy';
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(code.textContent.trim());
        button.textContent = 'Copied';
        setTimeout(() => {
          button.textContent = 'Copy';
        }, 2000);
      });
      const block = code.closest('pre');
      if (block === null) code.after(button);
      else block.prepend(button);
    }
  }
})();
