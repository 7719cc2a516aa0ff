'use strict';
// Shows each line's value at the place under the pointer, or at the slider's, and hides lines that are switched off.
const data = JSON.parse(document.getElementById('data').textContent);

for (const group of document.querySelectorAll('[data-axis]')) {
  const { at, labels } = data.axes[group.dataset.axis];
  const [bar, slider, now] = ['.bar', '.bar input', '.now'].map(part => group.querySelector(part));
  const buttons = [...group.querySelectorAll('button[data-line]')];

  const show = place => {
    slider.value = place;
    now.textContent = labels[place];
    for (const cross of group.querySelectorAll('.cross')) {
      cross.hidden = false;
      cross.style.left = `${at[place]}%`;
    }
    for (const button of buttons) {
      button.querySelector('.value').textContent = data.lines[button.dataset.line][place];
    }
    const shown = buttons.filter(button => button.getAttribute('aria-pressed') === 'true');
    slider.setAttribute('aria-valuetext', [labels[place], ...shown.map(button => button.textContent)].join(', '));
  };

  const follow = event => {
    const box = event.currentTarget.getBoundingClientRect();
    const pointer = 100 * (event.clientX - box.left) / box.width;
    const closer = (best, place) => Math.abs(at[place] - pointer) < Math.abs(at[best] - pointer) ? place : best;
    show([...at.keys()].reduce(closer, 0));
  };

  if (at.length === 0) continue;
  bar.hidden = false;
  slider.max = at.length - 1;
  slider.addEventListener('input', () => show(slider.valueAsNumber));
  // Already at its end, a slider moves nowhere and says nothing.
  slider.addEventListener('focus', () => show(slider.valueAsNumber));
  for (const plot of group.querySelectorAll('.plot')) {
    plot.addEventListener('pointermove', follow);
    plot.addEventListener('pointerdown', follow);
  }
  for (const button of buttons) {
    button.addEventListener('click', () => {
      const on = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', on);
      for (const part of group.querySelectorAll(`.plot [data-line="${button.dataset.line}"]`)) {
        part.toggleAttribute('hidden', !on);
      }
    });
  }
}
