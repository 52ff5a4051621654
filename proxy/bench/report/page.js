/* The charts of a report; runs in the browser, behind Chart.js and `const report = {...}`. */

/** Lines from the lowest to the highest turn, over each bar. */
const whiskers = {
  id: 'whiskers',
  afterDatasetsDraw(chart) {
    const { ctx, scales } = chart
    ctx.save()
    ctx.strokeStyle = '#222'
    chart.data.datasets.forEach((dataset, index) => {
      chart.getDatasetMeta(index).data.forEach((bar, at) => {
        const range = dataset.ranges?.[at]
        if (!range) return
        const [low, high] = range.map((value) => scales.x.getPixelForValue(value))
        ctx.beginPath()
        ctx.moveTo(low, bar.y)
        ctx.lineTo(high, bar.y)
        for (const end of [low, high]) {
          ctx.moveTo(end, bar.y - 3)
          ctx.lineTo(end, bar.y + 3)
        }
        ctx.stroke()
      })
    })
    ctx.restore()
  },
}

function drawBars(id, { labels, datasets, scale, title }) {
  const canvas = document.getElementById(id)
  if (canvas === null) return
  canvas.parentElement.style.height = `${labels.length * (10 + 12 * datasets.length) + 80}px`
  const chart = new window.Chart(canvas, {
    type: 'bar',
    data: { labels, datasets },
    options: {
      indexAxis: 'y',
      animation: false,
      maintainAspectRatio: false,
      scales: { x: { ...scale, title: { display: true, text: title } } },
    },
    plugins: [whiskers],
  })
  window.addEventListener('beforeprint', () => chart.resize())
}

const { ratios, changes } = globalThis.report
drawBars('ratios', {
  labels: ratios.labels,
  datasets: [
    { label: 'edge', data: ratios.edge, ranges: ratios.edgeRanges, backgroundColor: '#3b7dd8' },
    { label: 'Caddy', data: ratios.caddy, ranges: ratios.caddyRanges, backgroundColor: '#c9c9c9' },
  ],
  // Bars begin at 1, which is NGINX: to the left is cheaper, to the right dearer.
  scale: { type: 'logarithmic', grid: { color: (line) => (line.tick?.value === 1 ? '#222' : '#eee') } },
  title: 'multiple of NGINX (logarithmic)',
})
drawBars('changes', {
  labels: changes.labels,
  datasets: [{ label: 'edge', data: changes.percent, backgroundColor: '#3b7dd8' }],
  scale: { type: 'linear' },
  title: 'change of the ratio, %; to the left is better',
})
