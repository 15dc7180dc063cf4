'use strict';
// The waterfall of one transfer: requests on a time axis, the waits before them, decoding and digest below. Kinds differ
// by pattern and label too, not only by colour.

const LANE = 22;
// More lanes than this are drawn closer together, and not each request is labelled
const MANY = 48;
const NARROW_LANE = 9;
const LABEL = 13;

/** What the parts of a picture mean. Texts of the legend, and of what is drawn for people who cannot see it. */
const PHASES = {
	memory: 'waiting for memory',
	pause: 'pause before a retry',
	renewal: 'renewing the link',
	download: 'download',
	upload: 'upload',
	coding: 'content coding',
	digest: 'digest',
	parsing: 'reading Arrow'
};

function requestName(request) {
	return request.index >= 0 && (request.purpose === 'range' || request.purpose === 'part')
			? `${request.purpose} ${request.index}` : request.purpose;
}

/** A complete answer may be a refusal. */
function outcomeOf(request) {
	return request.status >= 400 ? 'failed' : request.outcome;
}

/** The outcome in words. */
function outcomeText(request) {
	return request.outcome === 'timed_out' ? (request.sent === null ? 'never sent' : 'timed out') : outcomeOf(request);
}

/** First, hedge or retry: a retry follows a failed request for the same range or part, of which it may want only the rest. */
function kinds(requests) {
	return requests.map((request, at) => request.hedge ? 'hedge'
			: requests.slice(0, at).some((earlier) => ['failed', 'timed_out'].includes(outcomeOf(earlier))
					&& requestName(earlier) === requestName(request) && (request.index >= 0 || earlier.offset === request.offset))
					? 'retry' : 'first');
}

function lanes(transfer) {
	const requests = transfer.requests ?? [];
	const kind = kinds(requests);
	const of = (...names) => names.map((name) => ({ label: name, name,
		spans: transfer.phases.filter((phase) => phase.phase === name) })).filter((lane) => lane.spans.length > 0);
	// Hedges and retries below what they repeat
	const groups = new Map();
	requests.forEach((request, at) => {
		const key = requestName(request) + (request.index >= 0 ? '' : '@' + request.offset);
		groups.set(key, [...groups.get(key) ?? [], { label: kind[at] === 'first' ? requestName(request) : kind[at],
			kind: kind[at], request }]);
	});
	const waits = ['memory', 'pause', 'renewal'];
	const others = [...new Set(transfer.phases.map((phase) => phase.phase))].filter((name) => !waits.includes(name)
			&& (requests.length === 0 || name !== 'download' && name !== 'upload'));
	const purposes = [...new Set(requests.map((request) => request.purpose))];
	const order = ([{ request }]) => purposes.indexOf(request.purpose) * 1e6 + request.index;
	return [...of(...waits), ...[...groups.values()].sort((one, other) => order(one) - order(other)).flat(), ...of(...others)];
}

function ticks(end, wanted) {
	const rough = end / wanted;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = [1, 2, 3, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
	const found = [];
	for (let at = 0; at <= end * 1.0001; at += step) {
		found.push(at);
	}
	return found;
}

function axisLabel(milliseconds, end) {
	return milliseconds === 0 ? '0' : end >= 1000 ? number(milliseconds / 1000, milliseconds % 1000 ? 1 : 0) + ' s'
			: number(milliseconds, end < 5 ? 1 : 0) + ' ms';
}

/** Draws the transfer into a picture of the given width in pixels. */
function waterfall(transfer, width) {
	const all = lanes(transfer);
	const wide = width >= 640;
	const left = wide ? 96 : 74;
	const right = wide ? 132 : 10;
	const top = 26;
	const pitchOf = (lane) => lane.request && all.length > MANY ? NARROW_LANE : LANE;
	const height = top + all.reduce((sum, lane) => sum + pitchOf(lane), 0) + 8;
	const ends = all.flatMap((lane) => lane.request ? [lane.request.end, lane.request.firstByte, lane.request.sent]
			: lane.spans.map((span) => span.to));
	const end = Math.max(transfer.elapsed, 0.1, ...ends.map((at) => at ?? 0));
	const x = (at) => left + Math.max(0, at) / end * (width - left - right);
	const picture = svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': described(transfer, all) },
			patterns());
	for (const at of ticks(end, Math.max(3, Math.floor((width - left - right) / 90)))) {
		picture.append(svg('line', { class: 'grid', x1: x(at), x2: x(at), y1: top - 4, y2: height - 4 }),
				svg('text', { class: 'axis', x: x(at), y: 14, 'text-anchor': at === 0 ? 'start' : 'middle' }, axisLabel(at, end)));
	}
	let y = top;
	let free = 0;
	all.forEach((lane) => {
		const pitch = pitchOf(lane);
		const group = svg('g', { class: 'lane' }, svg('rect', { class: 'band', x: 0, y, width, height: pitch, rx: pitch / 5 }));
		if (lane.request) {
			drawRequest(group, transfer, lane, x, y, end, pitch);
		}
		else {
			lane.spans.forEach((span) => group.append(bar('phase ' + lane.name, x(span.from), x(span.to ?? end), y, pitch)));
		}
		const text = laneText(transfer, lane);
		if (y >= free) {
			free = y + LABEL;
			const repeated = lane.kind && lane.kind !== 'first';
			const baseline = y + pitch / 2 + 4;
			group.append(svg('text', { class: repeated ? 'label repeated' : 'label', x: repeated ? 20 : 8, y: baseline }, lane.label));
			if (wide) {
				group.append(svg('text', { class: 'value', x: width - 8, y: baseline, 'text-anchor': 'end' }, text.value));
			}
		}
		group.append(svg('title', {}, text.title));
		picture.append(group);
		y += pitch;
	});
	return picture;
}

function drawRequest(group, transfer, { request, kind }, x, y, end, pitch) {
	const outcome = outcomeOf(request);
	group.classList.add(kind, outcome);
	const until = request.end ?? end;
	const sent = request.sent ?? until;
	// An upload sends its bytes before the answer begins
	const answered = transfer.direction === 'upload' ? request.end ?? end : request.firstByte ?? until;
	const middle = y + pitch / 2;
	if (request.queued !== null && sent > request.queued) {
		group.append(svg('line', { class: 'queued', x1: x(request.queued), x2: x(sent), y1: middle, y2: middle }));
	}
	if (request.sent !== null) {
		if (transfer.direction === 'upload') {
			group.append(bar('body', x(sent), x(answered), y, pitch));
		}
		else {
			group.append(bar('waiting', x(sent), x(answered), y, pitch));
			if (request.firstByte !== null) {
				group.append(bar('body', x(answered), x(until), y, pitch));
			}
		}
	}
	if (outcome === 'failed') {
		const at = x(until) + 7;
		group.append(svg('path', { class: 'mark', d: `M${at - 4} ${middle - 4}l8 8m0 -8l-8 8` }));
	}
	else if (outcome === 'cancelled') {
		group.append(svg('circle', { class: 'mark', cx: x(until) + 6, cy: middle, r: 3.5 }));
	}
	else if (outcome === 'running') {
		const at = x(until) + 4;
		group.append(svg('path', { class: 'mark', d: `M${at} ${middle - 4}l4 4l-4 4` }));
	}
}

function bar(className, from, to, y, pitch) {
	const margin = pitch < LANE ? 1 : 5;
	return svg('rect', { class: className, x: from, y: y + margin, width: Math.max(1.5, to - from), height: pitch - 2 * margin,
		rx: 1.5 });
}

/** From sent to the end: a short body often comes at once with its first byte. */
function requestTime(transfer, request) {
	return request.sent === null ? null : (request.end ?? transfer.elapsed) - request.sent;
}

function requestBytes(request) {
	return request.bytes === 0 && request.outcome === 'running' ? '' : bytes(request.bytes);
}

function laneText(transfer, lane) {
	if (!lane.request) {
		const sum = lane.spans.reduce((total, span) => total + (span.to ?? transfer.elapsed) - span.from, 0);
		return { value: duration(sum), title: `${PHASES[lane.name] ?? lane.name}: ${duration(sum)}` };
	}
	const { request } = lane;
	const speed = withUnit(rate(request.bytes, requestTime(transfer, request)), 'MB/s');
	const outcome = outcomeOf(request);
	const failure = request.status >= 400 ? String(request.status) : outcomeText(request);
	return { value: outcome === 'complete' || outcome === 'running'
			? [requestBytes(request), speed].filter((text) => text !== '').join(' · ') : failure,
		title: [`${requestName(request)}${lane.kind === 'first' ? '' : ', ' + lane.kind}: ${outcomeText(request)}`, request.reason,
			requestBytes(request), speed].filter((text) => text).join(', ') };
}

function described(transfer, all) {
	const count = (kind) => all.filter((lane) => lane.kind === kind).length;
	const waits = transfer.phases.filter((phase) => phase.phase !== 'download' && phase.phase !== 'upload')
		.map((phase) => `${PHASES[phase.phase] ?? phase.phase} ${duration((phase.to ?? transfer.elapsed) - phase.from)}`);
	return `${several(count('first'), 'request')}, ${several(count('hedge'), 'hedge')} and ${several(count('retry'), 'retry', 'retries')} in ${
		duration(transfer.elapsed)}${waits.length > 0 ? '; ' + waits.join(', ') : ''}. The table below has every request.`;
}

function patterns() {
	return svg('defs', {},
			pattern('hedge', 6, svg('path', { d: 'M-1 7L7 -1M-1 1L1 -1M5 7L7 5' })),
			pattern('retry', 5, svg('circle', { cx: 2.5, cy: 2.5, r: 1.1 })),
			pattern('memory', 6, svg('path', { d: 'M-1 -1L7 7M-1 5L1 7M5 -1L7 1' })),
			pattern('pause', 4, svg('path', { d: 'M2 0V4' })),
			pattern('renewal', 4, svg('path', { d: 'M0 2H4' })),
			pattern('coding', 6, svg('path', { d: 'M3 0V6' })),
			pattern('digest', 6, svg('path', { d: 'M0 3H6' })),
			pattern('parsing', 6, svg('path', { d: 'M0 3H6M3 0V6' })));
}

function pattern(name, size, drawing) {
	return svg('pattern', { id: 'pattern-' + name, class: 'pattern ' + name, width: size, height: size,
		patternUnits: 'userSpaceOnUse' }, svg('rect', { width: size, height: size }), drawing);
}

/** Explains what a picture contains: swatches drawn as the bars are. */
function legend(transfer) {
	const all = lanes(transfer);
	const found = (kind) => all.some((lane) => lane.kind === kind);
	const outcome = (name) => all.some((lane) => lane.request && outcomeOf(lane.request) === name);
	const upload = transfer.direction === 'upload';
	const entries = [];
	if (all.some((lane) => lane.request)) {
		entries.push(['first', (g) => g.append(svg('line', { class: 'queued', x1: 0, x2: 28, y1: 11, y2: 11 })), 'its turn']);
		if (!upload) {
			entries.push(['first', (g) => g.append(bar('waiting', 0, 28, 0, LANE)), 'sent, no answer yet']);
		}
		entries.push(['first', (g) => g.append(bar('body', 0, 28, 0, LANE)), upload ? 'sent until answered' : 'body']);
	}
	['hedge', 'retry'].filter(found).forEach((kind) => entries.push([kind, (g) => g.append(bar('body', 0, 28, 0, LANE)), kind]));
	if (outcome('failed')) {
		entries.push(['failed', (g) => g.append(svg('path', { class: 'mark', d: 'M10 7l8 8m0 -8l-8 8' })), 'failed']);
	}
	if (outcome('cancelled')) {
		entries.push(['cancelled', (g) => g.append(svg('circle', { class: 'mark', cx: 14, cy: 11, r: 3.5 })), 'cancelled']);
	}
	all.filter((lane) => lane.spans).forEach((lane) => entries.push(['', (g) => g.append(bar('phase ' + lane.name, 0, 28, 0, LANE)),
		PHASES[lane.name] ?? lane.name]));
	return entries.map(([kind, draw, text]) => {
		const group = svg('g', { class: 'lane ' + kind });
		draw(group);
		return element('li', {}, svg('svg', { width: 28, height: LANE, 'aria-hidden': 'true' }, group), text);
	});
}
