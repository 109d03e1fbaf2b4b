package com.apigee.flow.execution;

/** Is called when a submitted task is done. */
public interface Callback {
    void callback(Runnable task, Object reference);
}
