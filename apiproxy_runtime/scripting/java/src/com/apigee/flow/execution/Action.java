package com.apigee.flow.execution;

/** What becomes of the flow after an execution. */
public enum Action {
    CONTINUE,
    PAUSE,
    ABORT
}
