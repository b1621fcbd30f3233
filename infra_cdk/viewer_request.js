// CloudFront runs this for every request, before it asks the API that the path belongs to.
function handler(event) {
    var request = event.request;
    // Over whatever the caller has sent under this name: flowker/http/arrival.py takes our word for it.
    request.headers['x-flowker-address'] = { value: event.viewer.ip };
    // A WebSocket API knows no paths.
    var run = /^\/ws\/executions\/([^\/]+)\/?$/.exec(request.uri);
    if (run) {
        request.uri = '/';
        request.querystring['execution_id'] = { value: run[1] };
    }
    return request;
}
