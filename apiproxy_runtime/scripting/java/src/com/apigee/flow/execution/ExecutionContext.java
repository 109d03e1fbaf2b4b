package com.apigee.flow.execution;

import com.apigee.flow.Fault;
import java.util.Collection;
import java.util.concurrent.TimeUnit;

/** Where in the flow an execution runs, and what it can ask of the flow. */
public interface ExecutionContext {
    boolean isRequestFlow();

    boolean isErrorFlow();

    void submitTask(Runnable task);

    void scheduleTask(Runnable task, long delay, TimeUnit unit);

    void submitTask(Runnable task, Callback callback, Object reference);

    /** Goes on with a flow that was paused by {@link ExecutionResult#PAUSE}. */
    void resume();

    void resume(Fault fault);

    Collection<Fault> getFaults();

    Fault getFault();

    void addFault(Fault fault);
}
