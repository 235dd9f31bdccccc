// Runs in Marimo's page before its own scripts, and notes what somebody at the keyboard meets: `recorder` has the time
// of the last key, of the ghost text that came after it, every question with its answer, and all that was ever shown.
// Times are milliseconds of the page's clock.
(() => {
    const GHOST = 'span.cm-inline-suggestion[role=suggestion]';
    const NO_CODE = `${GHOST}, .cm-placeholder, .cm-widgetBuffer`;
    const LABEL = 'Suggestion: ';
    const recorder = {keyMs: 0, ghostMs: null, ghost: '', questions: [], shown: []};

    recorder.code = () => {
        const content = document.querySelector('.cm-editor.cm-focused .cm-content')?.cloneNode(true);
        content?.querySelectorAll(NO_CODE).forEach(each => each.remove());
        return Array.from(content?.querySelectorAll('.cm-line') ?? [], line => line.textContent).join('\n');
    };
    // The question that Marimo asked after the last key. It asks none while what is suggested is being typed.
    recorder.question = () => recorder.questions.findLast(each => each.askedMs > recorder.keyMs);
    recorder.answered = () => recorder.ghostMs !== null || (recorder.question()?.answer ?? null) !== null;
    recorder.delayMs = () => recorder.ghostMs && recorder.question() ? recorder.ghostMs - recorder.keyMs : null;
    addEventListener('keydown', event => { recorder.keyMs = event.timeStamp; recorder.ghostMs = null; }, true);

    new MutationObserver(() => {
        const ghost = document.querySelector(GHOST)?.ariaLabel.slice(LABEL.length) ?? '';
        if (ghost === recorder.ghost) return;
        recorder.ghost = ghost;
        if (ghost === '') return;
        recorder.ghostMs ??= performance.now();
        recorder.shown.push({code: recorder.code(), ghost});
    }).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['aria-label']});

    const plain = window.fetch;
    window.fetch = async (...given) => {
        const request = new Request(...given);
        if (!request.url.endsWith('/api/ai/inline_completion')) return plain(request);
        const question = {askedMs: performance.now(), ...await request.clone().json(), answer: null, status: null};
        recorder.questions.push(question);
        try {
            const response = await plain(request);
            question.answer = response.ok ? await response.clone().text() : '';
            question.status = response.status;
            return response;
        } finally {
            question.answer ??= '';
        }
    };
    window.recorder = recorder;
})();
