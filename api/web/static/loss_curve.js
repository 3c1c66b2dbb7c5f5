// The loss by iteration: one line, with a thin one wherever a larger size begins.

const WIDTH = 1000;
const HEIGHT = 100;
const MARGIN = 6;

const place = (svg) => svg.querySelector("polyline");

/** Draw points of /metrics, on a logarithmic scale, over iterations from 0 to `total`. */
export function draw(svg, points, total) {
  const shown = points.filter(({ total: loss }) => loss > 0);
  const logs = shown.map(({ total: loss }) => Math.log(loss));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const x = (iteration) => (WIDTH * iteration) / total;
  const y = (log) => MARGIN + ((HEIGHT - 2 * MARGIN) * (high - log)) / (high - low || 1);
  const line = shown.map(({ iteration }, i) => `${x(iteration).toFixed(1)},${y(logs[i]).toFixed(1)}`);
  place(svg).setAttribute("points", line.join(" "));
  const starts = shown.filter(({ scale }, i) => i && scale !== shown[i - 1].scale);
  svg.querySelector("path").setAttribute(
    "d",
    starts.map(({ iteration }) => `M${x(iteration - 1).toFixed(1)} 0V${HEIGHT}`).join(""),
  );
  const [first, last] = [shown[0], shown.at(-1)];
  svg.setAttribute("aria-label", last
    ? `Loss, on a logarithmic scale: ${first.total.toPrecision(3)} at iteration ${first.iteration}, `
      + `${last.total.toPrecision(3)} at iteration ${last.iteration}`
    : "Loss: nothing yet");
}
