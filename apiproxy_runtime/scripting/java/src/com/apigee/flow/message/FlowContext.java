package com.apigee.flow.message;

/** The segments of a transaction. */
public enum FlowContext {
    PROXY_REQUEST,
    TARGET_REQUEST,
    TARGET_RESPONSE,
    PROXY_RESPONSE
}
